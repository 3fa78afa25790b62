import { type BinaryNode, proto } from "@whiskeysockets/baileys";
import { expect, test } from "vitest";
import { createLogger } from "../../../core/log.ts";
import type { WireAddress } from "../../../session-host/baileys/address/addressing.ts";
import { Recipients } from "../../../session-host/baileys/send/recipients.ts";
import type { OrderedCommand } from "../../../session-host/command/claim/claimed-command.ts";
import { SendQueue } from "../../../session-host/command/send/send-queue.ts";
import type { ConnectedContext } from "../../../session-host/executors/types.ts";
import type { Change, RecipientList } from "../../../session-host/ledger/change.ts";
import { until } from "../../support/until.ts";

const group = "120363000000000001@g.us";
const bob = "4915550000002@s.whatsapp.net";
const waId = "3EB0C";
const accepted = { error: undefined, phash: undefined };

/** The devices of people: WhatsApp's lists before and after a message was encrypted. */
type Lists = readonly (readonly [user: string, ...devices: number[]][])[];

/** A queue with one message, on a connection whose server acknowledges only what the test says. */
async function startMessage(to: string, lists: Lists, message: proto.IMessage = { conversation: "x" }) {
  const relayed: string[] = [];
  const copies: BinaryNode[] = [];
  const recorded: Change[] = [];
  const redirect = Promise.withResolvers<void>();
  let now = 0;
  let lookUps = 0;
  const queue = new SendQueue({
    log: createLogger("test", "silent"),
    record: async (change) => void recorded.push(change),
    countAttempt: async () => 1,
    mayStart: async () => true,
    onSilence: () => undefined,
    monotonic: () => now,
  });
  const sock = {
    authState: { creds: {}, keys: { get: async () => ({ "2@lid": { token: Buffer.from("token"), timestamp } }) } },
    signalRepository: { lidMapping: { getLIDForPN: async () => "2@lid" } },
    serverProps: { privacyTokenOn1to1: true },
    relayMessage: async (jid: string) => void relayed.push(jid),
    createParticipantNodes: async (jids: string[]) => ({
      nodes: jids.map((jid) => ({ tag: "to", attrs: { jid } })),
      shouldIncludeDeviceIdentity: false,
    }),
    sendNode: async (stanza: BinaryNode) => void copies.push(stanza),
    generateMessageTag: () => "ping",
    query: async () => undefined,
  };
  const recipients = Object.assign(Object.create(Recipients.prototype) as Recipients, {
    of: async () => {
      const devices = lists[Math.min(lookUps++, lists.length - 1)] ?? [];
      const targets = devices.flatMap(([user, ...ids]) => ids.map((id) => `${user}:${id}@lid`));
      const users = devices.map(([user]) => `${user}@lid`);
      const plan = { devices: new Map(devices.map(([user]) => [user, []])), targets, hash: `hash ${lookUps}` };
      return { list: { jids: [...users, ...targets], people: users }, plan: { ...plan, group: undefined } };
    },
    forget: () => undefined,
    isSettled: () => false,
    settle: () => undefined,
  });
  const names = new Map<string, string>();
  const addressing = {
    of: async (): Promise<WireAddress> => ({ to, kind: "number", names }),
    mayBeWrong: (kind: string, error: string) => kind === "number" && error === "463",
    afterRefusal: async () => {
      await redirect.promise;
      return { to: "2@lid", kind: "lid", names };
    },
    learn: () => undefined,
  };
  queue.push({
    ...{ id: "C", instanceId: "i", userId: "u", name: "message.sendText", input: { to, text: "x" }, waId, chatId: to },
    ...{ payload: Buffer.from(proto.Message.encode(proto.Message.fromObject(message)).finish()), position: 1 },
    ...{ attempts: 0, correlationId: "t", deadline: new Date(Date.now() + 86_400_000) },
  } as OrderedCommand);
  queue.resume({ sock, recipients, addressing } as unknown as ConnectedContext);
  await until(async () => relayed.length > 0 || undefined);
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
  return {
    relayed,
    copies,
    redirect: redirect.resolve,
    ends: () => recorded.flatMap(({ commands = [] }) => commands),
    /** The lists of recipients that were recorded, the oldest first. */
    recorded: (): RecipientList[] => recorded.flatMap(({ recipients = [] }) => recipients),
    async acknowledge(ack: { error?: string; phash?: string }) {
      queue.acknowledge(waId, { ...accepted, ...ack });
      await settle();
    },
    /** Lets seconds pass, and checks once after each. */
    async pass(seconds: number) {
      for (let i = 0; i < seconds; i++) {
        now += 1000;
        queue.check();
        await new Promise(setImmediate);
      }
      await settle();
    },
  };
}

const timestamp = String(Math.floor(Date.now() / 1000));
/** Bob has a phone, and then also a computer. */
const withComputer: Lists = [[["2", 0]], [["2", 0, 5]]];

test.each(["429", "463", "479"])(
  "a message that WhatsApp accepted is done if WhatsApp refuses the copy for a missing device with %s",
  async (error) => {
    const { copies, ends, acknowledge } = await startMessage(bob, withComputer);
    await acknowledge({ phash: "other" });
    expect(copies).toHaveLength(1);
    await acknowledge({ error });
    expect(ends()).toMatchObject([{ id: "C", status: "done" }]);
  },
);

test("a message that WhatsApp accepted is done if WhatsApp never acknowledges the copy for a missing device", async () => {
  const { relayed, copies, ends, acknowledge, pass } = await startMessage(bob, withComputer);
  await acknowledge({ phash: "other" });
  await pass(60);
  expect(ends()).toMatchObject([{ id: "C", status: "done" }]);
  expect(relayed).toEqual([bob]);
  expect(copies).toHaveLength(3);
});

test("the copy for a missing device has the privacy token and the type of the poll, like the message", async () => {
  const { copies, acknowledge } = await startMessage(bob, withComputer, { pollCreationMessage: { name: "x" } });
  await acknowledge({ phash: "other" });
  expect(copies).toMatchObject([
    {
      attrs: { id: waId, to: bob, device_fanout: "false" },
      content: [
        { tag: "participants", content: [{ attrs: { jid: "2:5@lid" } }] },
        { tag: "tctoken", content: Buffer.from("token") },
        { tag: "meta", attrs: { polltype: "creation" } },
      ],
    },
  ]);
});

test("people who join a group after a message was encrypted don't become its recipients when WhatsApp finds a device missing", async () => {
  const joined: Lists = [
    [["2", 0]],
    [
      ["2", 0, 5],
      ["3", 0],
    ],
  ];
  const { copies, recorded, acknowledge } = await startMessage(group, joined);
  await acknowledge({ phash: "other" });
  expect(copies).toMatchObject([{ content: [{ content: [{ attrs: { jid: "2:5@lid" } }] }, { tag: "enc" }] }]);
  expect(recorded().at(-1)).toMatchObject({ jids: ["2@lid", "2:0@lid", "2:5@lid"], people: ["2@lid"] });
});

test("people who join a group become recipients of a message that is sent again whole", async () => {
  const joined: Lists = [
    [["2", 0]],
    [
      ["2", 0],
      ["3", 0],
    ],
  ];
  const { relayed, recorded, acknowledge } = await startMessage(group, joined);
  await acknowledge({ error: "421" });
  expect(relayed).toEqual([group, group]);
  expect(recorded().at(-1)).toMatchObject({ people: ["2@lid", "3@lid"] });
});

test("a message that was sent twice and refused twice goes to the other address, and the second refusal is ignored", async () => {
  const { relayed, redirect, ends, acknowledge, pass } = await startMessage(bob, [[["2", 0]]]);
  await pass(16);
  expect(relayed).toEqual([bob, bob]);
  await acknowledge({ error: "463" });
  await acknowledge({ error: "463" });
  redirect();
  await acknowledge({});
  expect(relayed).toEqual([bob, bob, "2@lid"]);
  expect(ends()).toMatchObject([{ id: "C", status: "done" }]);
});

test.each(["400", "463"])("a message that WhatsApp refuses with %s at the other address too fails", async (error) => {
  const { redirect, ends, acknowledge } = await startMessage(bob, [[["2", 0]]]);
  redirect();
  await acknowledge({ error: "463" });
  await acknowledge({ error });
  expect(ends()).toMatchObject([{ id: "C", status: "failed" }]);
});

test("a message that was sent twice and refused twice with 479 is sent again once", async () => {
  const { relayed, ends, acknowledge, pass } = await startMessage(bob, [[["2", 0]]]);
  await pass(16);
  await acknowledge({ error: "479" });
  await acknowledge({ error: "479" });
  expect(relayed).toEqual([bob, bob, bob]);
  expect(ends()).toEqual([]);
  await acknowledge({ error: "479" });
  expect(ends()).toMatchObject([{ id: "C", status: "failed" }]);
});
