import { expect } from "vitest";
import type { Phone } from "../../simulator/index.ts";
import type { Group } from "../../simulator/model/group.ts";
import type { InboxMessage } from "../../simulator/phone/mailbox/inbox.ts";
import { type Answer, type Dialect, startTestGateway, type TestGateway } from "../support/gateway.ts";
import { type FileServer, png, type Served, startFileServer } from "./files.ts";
import { mp4 } from "./film.ts";
import { type RestClient, restClient } from "./rest.ts";
import { oggOpus } from "./sound.ts";

export type Body = Record<string, unknown>;

/** A gateway with an instance of the owner's, and Bob and Carol, who are in a group with the owner. */
export interface Crew {
  gate: TestGateway;
  /** Has one file of each kind, and what else was given. */
  files: FileServer;
  owner: Phone;
  bob: Phone;
  carol: Phone;
  group: Group;
  instance: string;
  client: RestClient;
  stop(): Promise<void>;
}

export async function startCrew(dialect: Dialect, files: Record<string, Served> = {}): Promise<Crew> {
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
  const instance = await gate.linked(owner, dialect);
  return {
    gate,
    files: server,
    owner,
    bob,
    carol,
    group: bob.createGroup("Crew", [owner.number, carol.number]),
    instance,
    client: restClient(gate, dialect, instance),
    async stop() {
      const complaints = [owner.errors, bob.errors, carol.errors, gate.wa.unknown];
      await server.stop();
      await gate.stop();
      // What a phone could not read, and what WhatsApp did not know.
      expect(complaints).toEqual([[], [], [], []]);
    },
  };
}

/** The message as it is at a phone. */
export const at = (phone: Phone, id: string): Promise<InboxMessage> => phone.waitFor((message) => message.id === id);

export const refused = ({ status, body }: Answer) => [status, body.code];
