import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import type { Group } from "../../../simulator/model/group.ts";
import type { InboxMessage } from "../../../simulator/phone/mailbox/inbox.ts";
import { mp4 } from "../media/mp4.ts";
import { oggOpus } from "../media/ogg-opus.ts";
import { png } from "../media/png.ts";
import { type FileServer, type ServedFile, startFileServer } from "../network/file-server.ts";
import { expectNoComplaints } from "./complaints.ts";
import { type RestClient, restClient } from "./rest-client.ts";
import { type Answer, type Dialect, startTestGateway, type TestGateway } from "./test-gateway.ts";

export type Body = Record<string, unknown>;

/** A connected instance, the phone of its owner, and a client of its dialect. */
export interface LinkedInstance {
  owner: Phone;
  client: RestClient;
}

/** Creates an instance and links it to the phone. */
export async function linkInstance(gate: TestGateway, owner: Phone, dialect: Dialect): Promise<LinkedInstance> {
  return { owner, client: restClient(gate, dialect, await gate.linked(owner, dialect)) };
}

/** Links one instance of each dialect, each to a phone of its own. */
export async function linkBothDialects(gate: TestGateway): Promise<Record<Dialect, LinkedInstance>> {
  const link = async (dialect: Dialect, number: string) =>
    linkInstance(gate, await gate.wa.addPhone({ number, pushName: `Owner of ${dialect}` }), dialect);
  return {
    "multi-instance": await link("multi-instance", "4915550000010"),
    gateway: await link("gateway", "4915550000011"),
  };
}

/** Returns a function that adds one more phone at each call. `prefix` is all of the number but its last two digits. */
export function phoneSeries(wa: () => WhatsApp, prefix: string): () => Promise<Phone> {
  let added = 0;
  return () => wa().addPhone({ number: `${prefix}${String(added++).padStart(2, "0")}`, pushName: "Owner" });
}

/** A gateway with one linked instance, whose owner shares a group with Bob and Carol. */
export interface LinkedGateway extends LinkedInstance {
  gate: TestGateway;
  /** Serves one file of each kind, and the files that were passed to `startLinkedGateway`. */
  files: FileServer;
  bob: Phone;
  carol: Phone;
  group: Group;
  instance: string;
  /** Stops everything, and fails if the simulated WhatsApp or a phone reported an error. */
  stop(): Promise<void>;
}

export async function startLinkedGateway(
  dialect: Dialect,
  files: Record<string, ServedFile> = {},
): Promise<LinkedGateway> {
  const gate = await startTestGateway({ env: { OPEN_KEY_GENERATION: "true" } });
  const server = await startFileServer({
    "/a.png": { body: png(), type: "image/png" },
    "/a.pdf": { body: Buffer.from("%PDF-1.7\n%âãÏÓ\n"), type: "application/pdf" },
    "/a.ogg": { body: oggOpus(3), type: "audio/ogg" },
    "/a.mp4": { body: mp4({ video: "avc1", audio: "mp4a" }, { seconds: 7 }), type: "video/mp4" },
    ...files,
  });
  const owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  const bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  const carol = await gate.wa.addPhone({ number: "4915550000003", pushName: "Carol" });
  const { client } = await linkInstance(gate, owner, dialect);
  return {
    gate,
    files: server,
    owner,
    bob,
    carol,
    group: bob.createGroup("Crew", [owner.number, carol.number]),
    instance: client.instance,
    client,
    async stop() {
      await server.stop();
      await gate.stop();
      expectNoComplaints(gate.wa);
    },
  };
}

/** Waits for a message at a phone. */
export const messageAt = (phone: Phone, id: string): Promise<InboxMessage> =>
  phone.waitFor((message) => message.id === id);

/** The status and code of a rejected request. */
export const rejectionOf = ({ status, body }: Answer) => [status, body.code];
