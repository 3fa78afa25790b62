import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { InboxMessage } from "../../../simulator/phone/mailbox/inbox.ts";
import { deliverToAccount } from "../../../simulator/stanza/deliver.ts";
import { routeReceipt } from "../../../simulator/stanza/message/receipt.ts";
import { formatJid, LID_SERVER } from "../../../simulator/wire/jid.ts";
import { node } from "../../../simulator/wire/node.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type LinkedInstance, linkBothDialects } from "../../support/gateway/linked-gateway.ts";
import { dialects, type MessageReport, type RestClient, restClient } from "../../support/gateway/rest-client.ts";
import { type Dialect, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";

let gate: TestGateway;
let bob: Phone;
let carol: Phone;
let dave: Phone;
let sides: Record<Dialect, LinkedInstance>;

beforeAll(async () => {
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "4915550000003", pushName: "Carol" });
  dave = await gate.wa.addPhone({ number: "4915550000004", pushName: "Dave" });
  sides = await linkBothDialects(gate);
});
afterAll(async () => {
  await gate?.stop();
});

/** Sends one receipt for several messages: the first id is an attribute, the others are a list. */
function receiveBatch(phone: Phone, type: "read" | undefined, messages: readonly InboxMessage[]): void {
  const [first, ...rest] = messages;
  if (!first) throw new Error("a receipt needs a message");
  const items = rest.map((message) => node("item", { id: message.id }));
  const attrs = { id: first.id, type, to: first.replyTo.to, t: gate.wa.world.seconds };
  routeReceipt(gate.wa.world, phone, node("receipt", attrs, [node("list", {}, items)]));
}

/** Waits for the webhook that reports this event about the message and the phone's owner. */
const reportedBy = (client: RestClient, what: MessageReport, id: string, phone: Phone) =>
  gate.receiver.waitFor(
    (delivery) => client.reportIn(delivery, id) === what && delivery.body.data.participant === phone.jid,
  );

/** Resolves when all earlier events are delivered: an instance delivers its events in order. */
async function earlierEventsDelivered(client: RestClient, owner: Phone): Promise<void> {
  const { id } = await bob.sendText(owner.number, "marker");
  await client.reported("received", id);
}

async function times(id: string) {
  const [row] = await gate.db.sql<{ status: string; delivered_at: Date | null; read_at: Date | null }[]>`
    select status, delivered_at, read_at from messages where wa_id = ${id} and from_me`;
  return row;
}

describe.each(dialects)("in the %s dialect", (dialect) => {
  let owner: Phone;
  let client: RestClient;
  beforeAll(() => {
    ({ owner, client } = sides[dialect]);
  });

  test("delivery and read receipts reach the history and the webhook once each, with participant and time", async () => {
    const before = Math.floor(Date.now() / 1000) - 1;
    const id = await client.sendText(bob.number, "for your eyes");
    const arrived = await bob.waitFor((message) => message.id === id);
    const delivered = await client.reported("delivered", id);
    await client.inHistory(bob.number, id, "delivered");
    expect((await times(id))?.read_at).toBeNull();
    bob.markRead(arrived);
    const read = await client.reported("read", id);
    await client.inHistory(bob.number, id, "read");
    for (const { body } of [delivered, read]) {
      expect(body.data).toMatchObject({ chatId: bob.jid, messageId: id, isGroup: false });
      expect(body.data.participant).toMatch(/@(s\.whatsapp\.net|lid)$/);
      expect(body.data.timestamp).toBeGreaterThanOrEqual(before);
      expect(body.data.timestamp).toBeLessThanOrEqual(Date.now() / 1000 + 1);
    }
    const row = await times(id);
    expect(row?.delivered_at).toBeInstanceOf(Date);
    expect(row?.read_at?.getTime()).toBeGreaterThanOrEqual(row?.delivered_at?.getTime() ?? Number.POSITIVE_INFINITY);
    await earlierEventsDelivered(client, owner);
    expect(client.allReported(id)).toEqual(["sent", "delivered", "read"]);
  });

  test("a receipt of the owner's phone does not count as a delivery", async () => {
    bob.goOffline();
    const id = await client.sendText(bob.number, "only the own phone has this");
    await owner.waitFor((message) => message.id === id);
    await client.inHistory(bob.number, id, "sent");
    const { id: marker } = await carol.sendText(owner.number, "marker");
    await client.reported("received", marker);
    expect(client.allReported(id)).toEqual(["sent"]);
    bob.goOnline();
    await client.inHistory(bob.number, id, "delivered");
  });

  test("a delivery receipt after the read receipt does not change the status back", async () => {
    const id = await client.sendText(bob.number, "read before delivered");
    const arrived = await bob.waitFor((message) => message.id === id);
    bob.markRead(arrived);
    await client.reported("read", id);
    const told = client.allReported(id).length;
    receiveBatch(bob, undefined, [arrived]);
    receiveBatch(bob, "read", [arrived]);
    await earlierEventsDelivered(client, owner);
    expect(client.allReported(id)).toHaveLength(told);
    expect((await times(id))?.status).toBe("read");
  });

  test("one receipt for several messages updates each of them", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 12; index++) ids.push(await client.sendText(bob.number, `${dialect} batch ${index}`));
    const arrived = await Promise.all(ids.map((id) => bob.waitFor((message) => message.id === id)));
    receiveBatch(bob, "read", arrived);
    for (const id of ids) {
      await client.reported("read", id);
      await client.inHistory(bob.number, id, "read");
    }
  });

  test("a phone that fails to decrypt a text requests the text again and shows it once", async () => {
    const before = bob.failures.length;
    gate.wa.device(owner.number).faults.corruptOut.add(true);
    const id = await client.sendText(bob.number, "damaged on the way out 🔁");
    const arrived = await bob.waitFor((message) => message.id === id);
    expect(arrived).toMatchObject({ text: "damaged on the way out 🔁", copies: 1 });
    expect(bob.failures.slice(before)).toMatchObject([{ id, from: owner.jid }]);
    await client.inHistory(bob.number, id, "delivered");
    await earlierEventsDelivered(client, owner);
    expect(client.allReported(id)).toEqual(["sent", "delivered"]);
    const next = await client.sendText(bob.number, "and the session is good");
    await bob.waitFor((message) => message.id === next);
    expect(bob.failures).toHaveLength(before + 1);
  });

  test("the host again requests a text that it failed to decrypt, and the text causes one event", async () => {
    gate.wa.device(owner.number).faults.corruptIn.add(true);
    const sent = await bob.sendText(owner.number, "damaged on the way in 🔁");
    const next = await bob.sendText(owner.number, "right behind it");
    const delivery = await client.reported("received", sent.id);
    expect(client.textOf(delivery)).toBe("damaged on the way in 🔁");
    await client.reported("received", next.id);
    await bob.waitForStatus(sent, "delivered");
    expect(sent.retries).toBe(1);
    await earlierEventsDelivered(client, owner);
    expect(client.allReported(sent.id)).toEqual(["received"]);
    const rows = await gate.db.sql`select body from messages where wa_id = ${sent.id}`;
    expect([...rows]).toEqual([{ body: "damaged on the way in 🔁" }]);
  });

  test("receipts that WhatsApp gets while the instance is disconnected count", async () => {
    const id = await client.sendText(bob.number, "read while you were away");
    const arrived = await bob.waitFor((message) => message.id === id);
    await client.reported("delivered", id);
    const device = gate.wa.device(owner.number);
    device.faults.cut();
    bob.markRead(arrived);
    await client.reported("read", id);
    await client.inHistory(bob.number, id, "read");
    await gate.status(client.instance, "connected");
  });

  test("receipts for a text that the owner sends on the phone count, even immediately after the text", async () => {
    const device = gate.wa.device(owner.number);
    device.faults.cut();
    const { id } = await owner.sendText(bob.number, "by hand, while the link was away");
    bob.markRead(await bob.waitFor((message) => message.id === id));
    await client.reported("sent", id);
    await client.inHistory(bob.number, id, "read", 5_000);
    await client.reported("read", id);
  });

  test("each member of a group is reported once, by number and LID, and the slowest decides the status", async () => {
    const members = [bob, carol, dave];
    const group = bob.createGroup(
      `Readers, ${dialect}`,
      [owner, carol, dave].map(({ number }) => number),
    ).jid;
    dave.goOffline();
    const id = await client.sendText(group, "who reads this?");
    const [atBob, atCarol] = await Promise.all([bob, carol].map((phone) => phone.waitFor((one) => one.id === id)));
    for (const phone of [bob, carol]) await reportedBy(client, "delivered", id, phone);
    await client.inHistory(group, id, "sent");
    bob.markRead(atBob as InboxMessage);
    expect((await reportedBy(client, "read", id, bob)).body.data.messageStatus).toBe("sent");
    dave.goOnline();
    await client.inHistory(group, id, "delivered");
    // One stanza for several members, and a receipt that arrives twice.
    const author = formatJid(owner.account.lid, LID_SERVER, gate.wa.device(owner.number).id);
    const users = [carol, dave].map(({ account }) => node("user", { jid: account.lidJid, t: gate.wa.world.seconds }));
    const grouped = node("receipt", { from: group, id: "grouped", type: "read" }, [
      node("participants", { key: id }, users),
    ]);
    deliverToAccount(owner.account, grouped);
    expect((await reportedBy(client, "read", id, dave)).body.data).toMatchObject({
      chatId: group,
      isGroup: true,
      messageStatus: "read",
    });
    bob.sendReceipt({ to: group, participant: author, id, type: "read" });
    carol.markRead(atCarol as InboxMessage);
    await client.inHistory(group, id, "read");
    await earlierEventsDelivered(client, owner);
    for (const what of ["delivered", "read"] as const) {
      const told = gate.receiver.deliveries.filter((delivery) => client.reportIn(delivery, id) === what);
      expect(told.map(({ body }) => [body.data.participant, body.data.phoneNumber, body.data.lid]).sort()).toEqual(
        members.map(({ jid, number, account }) => [jid, number, account.lidJid]).sort(),
      );
    }
    const { body } = await client.receipts(id);
    expect(body).toMatchObject({ messageId: id, chatId: group, status: "read", recipientCount: 3 });
    expect(body.receipts).toHaveLength(3);
    for (const { jid, number, account } of members) {
      expect(body.receipts).toContainEqual({
        participant: jid,
        phoneNumber: number,
        lid: account.lidJid,
        deliveredAt: expect.any(String),
        readAt: expect.any(String),
        playedAt: null,
      });
    }
  });

  test("a voice note that the recipient played is reported as read and as played", async () => {
    const id = await client.sendText(bob.number, "as if it were a voice note");
    await bob.waitFor((message) => message.id === id);
    const author = formatJid(owner.account.lid, LID_SERVER, gate.wa.device(owner.number).id);
    bob.sendReceipt({ to: author, id, type: "played" });
    await client.reported("played", id);
    bob.sendReceipt({ to: author, id, type: "played" });
    await earlierEventsDelivered(client, owner);
    expect(client.allReported(id).filter((what) => what !== "delivered")).toEqual(["sent", "read", "played"]);
    expect((await client.receipts(id)).body.receipts).toMatchObject([
      { participant: bob.jid, lid: bob.account.lidJid, playedAt: expect.any(String) },
    ]);
  });

  test("the receipts of a message that the account did not send are not found", async () => {
    const { id } = await bob.sendText(owner.number, "not from the account");
    await client.reported("received", id);
    for (const unknown of [id, "UNKNOWN"]) expect((await client.receipts(unknown)).status).toBe(404);
  });

  test.each([
    ["notifyDelivery", "delivered"],
    ["notifyRead", "read"],
    ["notifySent", "sent"],
  ] as const)("with %s off, no webhook is sent and the history still has the status", async (flag, what) => {
    const put = await gate.api("PUT", `/api/instances/${client.instance}`, {
      body: { webhookSettings: { [flag]: false } },
    });
    expect(put.status).toBe(200);
    const id = await client.sendText(bob.number, `without ${flag}`);
    bob.markRead(await bob.waitFor((message) => message.id === id));
    await client.inHistory(bob.number, id, "read");
    await earlierEventsDelivered(client, owner);
    const all = ["sent", "delivered", "read"] as const;
    // An immediate read receipt can arrive before the delivery is reported.
    expect(client.allReported(id)).not.toContain(what);
    for (const other of all.filter((one) => one !== what && one !== "delivered")) {
      expect(client.allReported(id)).toContain(other);
    }
    await gate.api("PUT", `/api/instances/${client.instance}`, { body: { webhookSettings: { [flag]: true } } });
  });
});

test("with all notifications off, only connection webhooks are sent", async () => {
  const owner = await gate.wa.addPhone({ number: "4915550000020" });
  const off = { notifyReceived: false, notifySent: false, notifyDelivery: false, notifyRead: false };
  const client = restClient(
    gate,
    "multi-instance",
    await gate.linked(owner, "multi-instance", { webhookSettings: off }),
  );
  const id = await client.sendText(bob.number, "quiet");
  bob.markRead(await bob.waitFor((message) => message.id === id));
  const { id: received } = await bob.sendText(owner.number, "quiet too");
  await client.inHistory(bob.number, id, "read");
  await client.inHistory(bob.number, received, "received");
  await client.request("POST", "logout");
  await gate.receiver.waitFor(
    ({ body }) => body.data.instanceId === client.instance && body.event === "connection_closed",
  );
  const told = gate.receiver.deliveries.filter(({ body }) => body.data.instanceId === client.instance);
  expect(new Set(told.map(({ body }) => body.event))).toEqual(
    new Set(["qr_received", "connection_opened", "connection_closed"]),
  );
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
  for (const phone of gate.wa.phones) {
    // Baileys responds to a retry by sending to all devices of the chat. Phones recognize the copies by their id.
    const doubled = phone.inbox.messages.filter((message) => message.copies > 1).map((message) => message.text);
    expect(doubled.filter((text) => !text?.startsWith("damaged on the way"))).toEqual([]);
  }
});
