import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { change, changeMembers } from "../../../simulator/phone/owner/group.ts";
import { retryNodes } from "../../../simulator/phone/receipts.ts";
import { routeReceipt } from "../../../simulator/stanza/message/receipt.ts";
import { formatJid, LID_SERVER } from "../../../simulator/wire/jid.ts";
import { node } from "../../../simulator/wire/node.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type RestClient, restClient } from "../../support/gateway/rest-client.ts";
import { startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { Client } from "../../support/simulator/client.ts";
import { until } from "../../support/until.ts";

const statusChat = "status@broadcast";

let gate: TestGateway;
let owner: Phone;
let bob: Phone;
let carol: Phone;
/** Gets no message of the owner, unless a test sends one. */
let mallory: Phone;
let client: RestClient;
let group: string;

beforeAll(async () => {
  gate = await startTestGateway();
  [owner, bob, carol, mallory] = (await Promise.all(
    ["Owner", "Bob", "Carol", "Mallory"].map((pushName, at) =>
      gate.wa.addPhone({ number: `491555060000${at + 1}`, pushName }),
    ),
  )) as [Phone, Phone, Phone, Phone];
  client = restClient(gate, "multi-instance", await gate.linked(owner, "multi-instance"));
  group = bob.createGroup("Before Mallory", [owner.number, carol.number]).jid;
}, 120_000);
afterAll(async () => {
  await gate?.stop();
});

/** JID of the gateway's device, which is the author of the messages that the gateway sends. */
const author = () => formatJid(owner.account.lid, LID_SERVER, gate.wa.device(owner.number).id);

async function sent(to: string, text: string, reader = bob): Promise<string> {
  const id = await client.sendText(to, text);
  await reader.waitFor((message) => message.id === id);
  await client.inHistory(to, id, "delivered");
  return id;
}

async function postStatus(text: string): Promise<string> {
  const path = `/api/status/${client.instance}/text`;
  const { status, body } = await gate.api("POST", path, { body: { text, statusJidList: [bob.number] } });
  expect(status).toBe(200);
  return body.data.messageId;
}

const remove = async (chat: string, messageId: string) => {
  const path = `/api/message/${client.instance}/${messageId}?chatId=${encodeURIComponent(chat)}`;
  expect(await gate.api("DELETE", path)).toMatchObject({ status: 200 });
};

/** Resolves when the gateway has handled every earlier stanza of the phone. */
async function handled(phone: Phone): Promise<void> {
  const { id } = await phone.sendText(owner.number, "marker");
  await client.reported("received", id);
  const device = gate.wa.device(owner.number);
  await until(async () => device.kept.size === 0 || undefined);
}

async function statusOf(id: string): Promise<string> {
  const [row] = await gate.db.sql<{ status: string }[]>`
    select status from messages where instance_id = ${client.instance} and wa_id = ${id} and from_me`;
  return row?.status ?? "";
}

const copiesAt = (phone: Phone, id: string) => phone.inbox.messages.find((message) => message.id === id)?.copies;
const texts = (phone: Phone) => phone.inbox.messages.map((message) => message.text);

describe("a request to send a message again", () => {
  test("is refused to a person who did not get the message", async () => {
    const id = await sent(bob.number, "only for Bob");
    mallory.sendReceipt({ to: author(), id, type: "retry" });
    mallory.sendReceipt({ to: formatJid(owner.number, "s.whatsapp.net", 1), id, type: "retry", count: 2 });
    await handled(mallory);
    expect(texts(mallory)).toEqual([]);
  });

  test("is refused to a member who joined the group after the message", async () => {
    const kept = await sent(group, "before Mallory came");
    const deleted = await sent(group, "deleted before Mallory came");
    await remove(group, deleted);
    changeMembers(bob, group, "add", [mallory.jid]);
    for (const id of [kept, deleted]) {
      mallory.sendReceipt({ to: group, participant: author(), id, type: "retry" });
      mallory.sendReceipt({ to: author(), id, type: "retry" });
    }
    await handled(mallory);
    expect(texts(mallory)).toEqual([]);
    const later = await sent(group, "for Mallory too", mallory);
    mallory.sendReceipt({ to: group, participant: author(), id: later, type: "retry" });
    await until(async () => mallory.inbox.messages.find(({ id, copies }) => id === later && copies > 1));
    expect(texts(mallory)).toEqual(["for Mallory too"]);
  });

  test("does not send the message to people who did not ask for it", async () => {
    const early = bob.createGroup("Growing", [owner.number, carol.number]).jid;
    const id = await sent(early, "before Mallory came");
    changeMembers(bob, early, "add", [mallory.jid]);
    bob.sendReceipt({ to: early, participant: author(), id, type: "retry" });
    await until(async () => bob.inbox.messages.find((message) => message.id === id && message.copies > 1));
    expect(copiesAt(carol, id)).toBe(1);
    expect(texts(mallory)).not.toContain("before Mallory came");
  });

  test("is refused to a person outside the audience of a status post", async () => {
    const id = await postStatus("only Bob may see this");
    await bob.waitFor((message) => message.id === id);
    mallory.sendReceipt({ to: statusChat, participant: author(), id, type: "retry" });
    mallory.sendReceipt({ to: author(), id, type: "retry" });
    mallory.sendReceipt({ to: group, participant: author(), id, type: "retry" });
    await handled(mallory);
    expect(texts(mallory)).not.toContain("only Bob may see this");
  });

  test("is refused for a deleted message, also to its recipient", async () => {
    const id = await sent(bob.number, "soon deleted");
    await remove(bob.number, id);
    const before = copiesAt(bob, id);
    bob.sendReceipt({ to: author(), id, type: "retry" });
    await handled(bob);
    expect(copiesAt(bob, id)).toBe(before);
  });

  test("is refused for a message that WhatsApp has dropped by now", async () => {
    const id = await sent(bob.number, "a month old");
    await gate.db.sql`update messages set sent_at = now() - interval '31 days' where wa_id = ${id}`;
    bob.sendReceipt({ to: author(), id, type: "retry" });
    await handled(bob);
    expect(copiesAt(bob, id)).toBe(1);
  });

  test("is refused for a message that has disappeared", async () => {
    const fleeting = bob.createGroup("Fleeting", [owner.number]).jid;
    change(bob, fleeting, node("ephemeral", { expiration: "86400" }));
    await handled(bob);
    const id = await sent(fleeting, "for a day");
    await gate.db.sql`update messages set sent_at = now() - interval '25 hours' where wa_id = ${id}`;
    bob.sendReceipt({ to: fleeting, participant: author(), id, type: "retry" });
    await handled(bob);
    expect(copiesAt(bob, id)).toBe(1);
  });

  test("is answered for everybody who got the message, also after a restart of the gateway", async () => {
    const [direct, inGroup] = [await sent(bob.number, "to Bob"), await sent(group, "to the group")];
    const post = await postStatus("status for Bob");
    await bob.waitFor((message) => message.id === post);
    await gate.restart();
    await gate.status(client.instance, "connected");
    bob.sendReceipt({ to: author(), id: direct, type: "retry" });
    bob.sendReceipt({ to: statusChat, participant: author(), id: post, type: "retry" });
    for (const member of [bob, carol])
      member.sendReceipt({ to: group, participant: author(), id: inGroup, type: "retry" });
    for (const id of [direct, inGroup, post]) await until(async () => copiesAt(bob, id) === 2 || undefined);
    await until(async () => copiesAt(carol, inGroup) === 2 || undefined);
    // The owner's phone got a copy of each message too.
    await owner.waitFor((message) => message.id === direct);
    const attrs = { id: direct, to: author(), recipient: bob.jid, type: "retry" };
    const content = retryNodes(owner, { id: direct, t: gate.wa.world.seconds, count: 1 });
    routeReceipt(gate.wa.world, owner, node("receipt", attrs, content));
    await until(async () => copiesAt(owner, direct) === 2 || undefined);
  });

  test("is answered five times for each device, whatever number it names", async () => {
    const id = await sent(bob.number, "again and again");
    for (let round = 0; round < 12; round++) bob.sendReceipt({ to: author(), id, type: "retry", count: 1 });
    for (const count of [0, 6, 4_000_000_000]) bob.sendReceipt({ to: author(), id, type: "retry", count });
    await handled(bob);
    expect(copiesAt(bob, id)).toBe(6);
  });

  test("is refused to a device that was linked after the message", async () => {
    const id = await sent(carol.number, "for the phone", carol);
    await gate.db.sql`update messages set sent_at = now() - interval '10 minutes' where wa_id = ${id}`;
    const companion = new Client(gate.wa);
    await companion.pair(carol);
    const device = gate.wa.device(carol.number);
    const content = retryNodes(carol, { id, t: gate.wa.world.seconds, count: 1 }).slice(0, 2);
    const before = gate.wa.world.counts.messages;
    routeReceipt(gate.wa.world, device, node("receipt", { id, to: author(), type: "retry" }, content));
    await handled(mallory);
    // The only message is the marker.
    expect(gate.wa.world.counts.messages).toBe(before + 1);
    await companion.close();
  });
});

describe("a receipt of a stranger", () => {
  test.each(["delivered", "read", "played"] as const)("does not make a message %s", async (type) => {
    bob.goOffline();
    const id = await client.sendText(bob.number, `not for Mallory: ${type}`);
    await client.inHistory(bob.number, id, "sent");
    mallory.sendReceipt({ to: author(), id, type });
    mallory.sendReceipt({ to: group, participant: author(), id, type });
    mallory.sendReceipt({ to: statusChat, participant: author(), id, type });
    await handled(mallory);
    expect(await statusOf(id)).toBe("sent");
    bob.goOnline();
    await client.inHistory(bob.number, id, "delivered");
  });

  test("does not hide the receipt of the recipient that arrives with it", async () => {
    const id = await sent(bob.number, "read by Bob");
    bob.sendReceipt({ to: author(), id, type: "read" });
    for (let round = 0; round < 20; round++) mallory.sendReceipt({ to: author(), id, type: "read" });
    const { body } = await client.reported("read", id);
    expect(JSON.stringify(body)).toContain(bob.account.lid);
  });

  test("does not make a group message read if the person joined later", async () => {
    const early = bob.createGroup("Still growing", [owner.number, carol.number]).jid;
    const id = await sent(early, "before Mallory came");
    changeMembers(bob, early, "add", [mallory.jid]);
    mallory.sendReceipt({ to: early, participant: author(), id, type: "read" });
    await handled(mallory);
    expect(await statusOf(id)).toBe("delivered");
    for (const member of [bob, carol]) member.sendReceipt({ to: early, participant: author(), id, type: "read" });
    await until(async () => (await statusOf(id)) === "read" || undefined);
    const { body } = await gate.api("GET", `/api/instances/${client.instance}/messages/${id}/receipts`);
    expect(body.receipts.map((receipt: { participant: string }) => receipt.participant).sort()).toEqual(
      [bob.jid, carol.jid].sort(),
    );
  });

  test("does not count as a view of a status post outside its audience", async () => {
    const id = await postStatus("for Bob");
    await bob.waitFor((message) => message.id === id);
    mallory.sendReceipt({ to: statusChat, participant: author(), id, type: "read" });
    await handled(mallory);
    const { body } = await gate.api("GET", `/api/instances/${client.instance}/messages/${id}/receipts`);
    expect(JSON.stringify(body)).not.toContain(mallory.account.lid);
    expect(JSON.stringify(body)).not.toContain(mallory.number);
    expect(body).toMatchObject({ recipientCount: 1 });
    expect(body.status).not.toBe("read");
    bob.sendReceipt({ to: statusChat, participant: author(), id, type: "read" });
    await until(async () => (await statusOf(id)) === "read" || undefined);
  });
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
});
