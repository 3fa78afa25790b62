import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { Device } from "../../../simulator/model/account.ts";
import type { Group } from "../../../simulator/model/group.ts";
import type { Withheld } from "../../../simulator/stanza/message/withheld.ts";
import { proto } from "../../../simulator/wire/baileys.ts";
import { LID_SERVER } from "../../../simulator/wire/jid.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type LinkedInstance, linkBothDialects } from "../../support/gateway/linked-gateway.ts";
import { dialects } from "../../support/gateway/rest-client.ts";
import { type Dialect, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import type { Delivery } from "../../support/network/webhook-receiver.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let instances: Record<Dialect, LinkedInstance>;
let bob: Phone;
let mallory: Phone;
let crew: Group;

beforeAll(async () => {
  gate = await startTestGateway({ env: { OPEN_KEY_GENERATION: "true" } });
  instances = await linkBothDialects(gate);
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  mallory = await gate.wa.addPhone({ number: "4915550000666", pushName: "Mallory" });
  crew = bob.createGroup(
    "Crew",
    dialects.map((dialect) => instances[dialect].owner.number),
  );
});
afterAll(async () => {
  await gate?.stop();
  if (gate) expectNoComplaints(gate.wa);
});

const names: Record<Dialect, { unreadable: string; received: string; sent: string }> = {
  "multi-instance": { unreadable: "message_unreadable", received: "message_received", sent: "message_sent" },
  gateway: { unreadable: "message.unreadable", received: "message.received", sent: "message.sent" },
};

/** The webhooks of an instance about a message, in the order of their events. */
const webhooksOf = ({ client }: LinkedInstance, id: string): Delivery["body"][] =>
  gate.receiver.deliveries
    .map(({ body }) => body)
    .filter(({ data }) => data.instanceId === client.instance && data.messageId === id)
    .sort((one, other) => one.sequence - other.sequence);
const namesOf = (instance: LinkedInstance, id: string): string[] => webhooksOf(instance, id).map(({ event }) => event);
const told = (instance: LinkedInstance, event: string, id: string): Promise<Delivery["body"]> =>
  until(async () => webhooksOf(instance, id).find((body) => body.event === event), 30_000);

async function historyOf({ client }: LinkedInstance, dialect: Dialect, chat: string, id: string) {
  const path =
    dialect === "gateway"
      ? `/api/message/chat/${client.instance}/${chat}`
      : `/api/instances/${client.instance}/chats/${chat}/messages`;
  const { body } = await gate.api("GET", `${path}?limit=100`);
  const rows = dialect === "gateway" ? body.data : body.messages;
  return rows
    .filter(({ messageId }: { messageId: string }) => messageId === id)
    .map((row: Record<string, unknown>) => ({
      type: row.type ?? row.messageType,
      body: row.body ?? row.content,
      unreadable: row.unreadable,
    }));
}

/** How often an instance asked its phone for a message. */
const requestsFor = ({ owner }: LinkedInstance, id: string): number =>
  owner.placeholders.requests.filter(({ messages }) => messages.includes(id)).length;

/** Waits until everything that WhatsApp has delivered is acknowledged. */
const acknowledged = ({ owner }: LinkedInstance) =>
  until(async () => owner.devices[0]?.kept.size === 0 || undefined, 30_000);

describe.each(dialects)("in the %s dialect", (dialect) => {
  const instance = () => instances[dialect];
  const name = names[dialect];

  test.each<[Withheld, string]>([
    ["view_once", "view_once"],
    ["view_once_unavailable_fanout", "view_once"],
    ["bot_unavailable_fanout", "bot"],
    ["hosted_unavailable_fanout", "hosted"],
    ["hosted", "hosted"],
  ])(
    "a message that is only on the phone (%s) is told with the reason, and the phone is not asked",
    async (withheld, reason) => {
      const { id } = await bob.sendText(instance().owner.number, "secret", { withheld });
      const { data } = await told(instance(), name.unreadable, id);
      expect(data).toEqual({
        instanceId: instance().client.instance,
        messageId: id,
        from: bob.jid,
        chatId: bob.jid,
        isGroup: false,
        participant: null,
        phoneNumber: bob.number,
        lid: bob.lidJid,
        pushName: "Bob",
        fromMe: false,
        timestamp: expect.any(Number),
        reason,
        requested: false,
      });
      await acknowledged(instance());
      expect(await historyOf(instance(), dialect, bob.number, id)).toEqual([
        { type: "unreadable", body: "", unreadable: { reason, requested: false } },
      ]);
      expect(requestsFor(instance(), id)).toBe(0);
    },
  );

  test("a message without content that the phone supplies is told as unreadable and then as received", async () => {
    const { id } = await bob.sendText(instance().owner.number, "I saw your ad", { withheld: "no_content" });
    const received = await told(instance(), name.received, id);
    expect(dialect === "gateway" ? received.data.message.conversation : received.data.body).toBe("I saw your ad");
    expect(received.data).toMatchObject({ chatId: bob.jid, from: bob.jid, pushName: "Bob", lid: bob.lidJid });
    await until(async () => namesOf(instance(), id).length === 2 || undefined);
    expect(namesOf(instance(), id)).toEqual([name.unreadable, name.received]);
    expect(webhooksOf(instance(), id)[0]?.data).toMatchObject({ reason: "no_content", requested: true });
    expect(await historyOf(instance(), dialect, bob.number, id)).toEqual([
      { type: "text", body: "I saw your ad", unreadable: null },
    ]);
    expect(requestsFor(instance(), id)).toBe(1);
  });

  test("a picture of a group that the phone supplies is stored", async () => {
    const { id } = await bob.sendImage(crew.jid, Buffer.from("a picture"), { withheld: "no_content", caption: "See" });
    const received = await told(instance(), name.received, id);
    expect(received.data).toMatchObject({ chatId: crew.jid, from: crew.jid, participant: bob.jid, isGroup: true });
    const file = await until(async () => {
      const response = await fetch(received.data.media.url);
      return response.ok ? response : undefined;
    }, 30_000);
    expect(await file.text()).toBe("a picture");
  });

  test("a status post that the phone supplies is told as one, and the envelope may name phone numbers", async () => {
    const { owner } = instance();
    const post = { conversation: "posted" };
    const { id } = await bob.sendMessage("status@broadcast", post, {
      audience: [owner.number],
      withheld: "no_content",
    });
    const direct = await bob.sendText(owner.number, "by number", { addressing: "pn", withheld: "no_content" });
    await told(instance(), name.received, direct.id);
    const types = await until(async () => {
      const rows = await gate.db.sql<{ type: string }[]>`
        select type from events where instance_id = ${instance().client.instance} and data->>'messageId' = ${id} order by seq`;
      return rows.length === 2 ? rows.map(({ type }) => type) : undefined;
    }, 30_000);
    expect(types).toEqual(["message.unreadable", "status.received"]);
    if (dialect === "gateway") await told(instance(), "status.received", id);
    // The Multi-Instance API has no webhooks for status posts.
    expect(namesOf(instance(), id)).toEqual(dialect === "gateway" ? types : []);
    expect(namesOf(instance(), direct.id)).toEqual([name.unreadable, name.received]);
  });

  test("a message of the owner without content is told as unreadable and then as sent, and keeps its status", async () => {
    const { owner, client } = instance();
    owner.placeholders.mode = "hold";
    const { id } = await owner.sendText(bob.number, "from my phone", { withheld: "no_content" });
    const { data } = await told(instance(), name.unreadable, id);
    expect(data).toMatchObject({ fromMe: true, from: owner.jid, chatId: bob.jid });
    await client.inHistory(bob.number, id, "delivered");
    await owner.placeholders.release();
    await told(instance(), name.sent, id);
    expect(namesOf(instance(), id)[0]).toBe(name.unreadable);
    expect(await client.inHistory(bob.number, id, "delivered")).toMatchObject({ type: "text", body: "from my phone" });
  });

  test("an edit whose content the phone supplies changes the message, and leaves nothing unreadable", async () => {
    const sent = await bob.sendText(instance().owner.number, "first");
    await told(instance(), name.received, sent.id);
    const edit = await bob.edit(sent, "second", { withheld: "no_content" });
    await until(async () => {
      const [row] = await historyOf(instance(), dialect, bob.number, sent.id);
      return row?.body === "second" || undefined;
    }, 30_000);
    expect(await historyOf(instance(), dialect, bob.number, edit.id)).toEqual([]);
  });

  test("nobody's other messages wait while the phone does not answer", async () => {
    const { owner } = instance();
    owner.placeholders.mode = "hold";
    const missing = await Promise.all(
      Array.from({ length: 5 }, (_, index) => bob.sendText(owner.number, `ad ${index}`, { withheld: "no_content" })),
    );
    const other = await mallory.sendText(owner.number, "readable");
    await told(instance(), name.received, other.id);
    for (const { id } of missing) expect(namesOf(instance(), id)).not.toContain(name.received);
    await until(async () => missing.every(({ id }) => requestsFor(instance(), id) === 1) || undefined);
    await owner.placeholders.release();
    for (const { id } of missing) await told(instance(), name.received, id);
  });

  test("a message that its sender sends before the phone answers is told once", async () => {
    const { owner } = instance();
    owner.placeholders.mode = "hold";
    const sent = await bob.sendText(owner.number, "again", { withheld: "no_content" });
    const { id } = sent;
    await until(async () => requestsFor(instance(), id) === 1 || undefined);
    await bob.sender.resend(sent, owner.devices[0] as Device, 1, LID_SERVER);
    await told(instance(), name.received, id);
    await owner.placeholders.release();
    const after = await mallory.sendText(owner.number, "after");
    await told(instance(), name.received, after.id);
    await acknowledged(instance());
    expect(namesOf(instance(), id)).toEqual([name.unreadable, name.received]);
    expect(await historyOf(instance(), dialect, bob.number, id)).toHaveLength(1);
  });

  test("a message in an unknown encryption that its sender repeats in a known one is told as received only", async () => {
    const { id } = await bob.sendText(instance().owner.number, "repeated", { withheld: "frskmsg" });
    await told(instance(), name.received, id);
    expect(namesOf(instance(), id)).toEqual([name.received]);
    expect(requestsFor(instance(), id)).toBe(0);
  });

  test("a message of a bot whose encryption is not known is told, and the phone supplies it", async () => {
    const { id } = await bob.sendText(instance().owner.number, "beep", { withheld: "msmsg" });
    expect((await told(instance(), name.unreadable, id)).data).toMatchObject({ reason: "unsupported_encryption" });
    await told(instance(), name.received, id);
  });

  test("a message that no copy makes readable is told once, and the phone supplies it later", async () => {
    const { owner } = instance();
    owner.placeholders.mode = "hold";
    gate.wa.device(owner.number).faults.corruptIn.add(true, 12);
    const { id } = await bob.sendText(owner.number, "damaged");
    const { data } = await told(instance(), name.unreadable, id);
    expect(data).toMatchObject({ reason: "decryption_failed", requested: true, from: bob.jid });
    gate.wa.device(owner.number).faults.corruptIn.clear();
    const other = await mallory.sendText(owner.number, "readable");
    await told(instance(), name.received, other.id);
    expect(await historyOf(instance(), dialect, bob.number, id)).toMatchObject([{ type: "unreadable" }]);
    await until(async () => requestsFor(instance(), id) === 1 || undefined);
    await owner.placeholders.release();
    await told(instance(), name.received, id);
    expect(namesOf(instance(), id)).toEqual([name.unreadable, name.received]);
    expect(await historyOf(instance(), dialect, bob.number, id)).toMatchObject([{ type: "text", body: "damaged" }]);
  });

  test("a message whose second copy is readable is never told as unreadable", async () => {
    gate.wa.device(instance().owner.number).faults.corruptIn.add(true, 1);
    const { id } = await bob.sendText(instance().owner.number, "second copy");
    await told(instance(), name.received, id);
    expect(namesOf(instance(), id)).toEqual([name.received]);
    const rows = await gate.db.sql`select 1 from unreadable_messages where wa_id = ${id}`;
    expect(rows).toHaveLength(0);
  });

  test("an answer of anyone but the owner's phone is ignored, and so is one that nobody asked for", async () => {
    const { owner } = instance();
    owner.placeholders.mode = "hold";
    const { id } = await bob.sendText(owner.number, "the truth", { withheld: "no_content" });
    await told(instance(), name.unreadable, id);
    const forged = (waId: string, text: string): proto.IMessage => ({
      protocolMessage: {
        type: proto.Message.ProtocolMessage.Type.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE,
        peerDataOperationRequestResponseMessage: {
          peerDataOperationRequestType: proto.Message.PeerDataOperationRequestType.PLACEHOLDER_MESSAGE_RESEND,
          stanzaId: "3EB0",
          peerDataOperationResult: [
            {
              placeholderMessageResendResponse: {
                webMessageInfoBytes: proto.WebMessageInfo.encode({
                  key: { remoteJid: bob.lidJid, fromMe: false, id: waId },
                  message: { conversation: text },
                  messageTimestamp: 1,
                }).finish(),
              },
            },
          ],
        },
      },
    });
    await mallory.sendMessage(owner.number, forged(id, "a lie"));
    const [device] = owner.devices;
    if (!device) throw new Error("the owner has no linked device");
    await owner.sender.sendToCompanion(device, forged("3EB0NEVERASKED", "invented"));
    const other = await mallory.sendText(owner.number, "after the forgery");
    await told(instance(), name.received, other.id);
    await acknowledged(instance());
    expect(namesOf(instance(), id)).toEqual([name.unreadable]);
    expect(webhooksOf(instance(), "3EB0NEVERASKED")).toEqual([]);
    await owner.placeholders.release();
    const received = await told(instance(), name.received, id);
    expect(dialect === "gateway" ? received.data.message.conversation : received.data.body).toBe("the truth");
  });
});

test.each<[string, (owner: Phone) => Promise<{ id: string }>]>([
  ["status", (owner) => bob.sendMessage("status@broadcast", { conversation: "?" }, { audience: [owner.number] })],
  ["message", (owner) => bob.sendText(owner.number, "?")],
  ["group message", () => bob.sendText(crew.jid, "?")],
])("an unreadable %s is acknowledged without an error, and holds nothing back", async (_kind, send) => {
  const instance = instances.gateway;
  const { owner } = instance;
  const device = gate.wa.device(owner.number);
  await acknowledged(instance);
  owner.placeholders.mode = "hold";
  // The sender does not get the request for another copy before the end of the test.
  bob.goOffline();
  for (const { owner } of Object.values(instances)) gate.wa.device(owner.number).faults.corruptIn.add(true);
  const { nacked } = device.counts;
  const { id } = await send(owner);
  const other = await mallory.sendText(owner.number, "readable");
  await told(instance, "message.received", other.id);
  await acknowledged(instance);
  expect(device.counts.nacked).toBe(nacked);
  const rows = await gate.db.sql`
    select 1 from unreadable_messages where instance_id = ${instance.client.instance} and wa_id = ${id}`;
  expect(rows).toHaveLength(1);
  for (const { owner } of Object.values(instances)) gate.wa.device(owner.number).faults.corruptIn.clear();
  bob.goOnline();
  await until(async () => namesOf(instance, id).some((name) => /^(message|status)\.received$/.test(name)) || undefined);
});
