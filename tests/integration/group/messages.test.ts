import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { change } from "../../../simulator/phone/owner/group.ts";
import { node } from "../../../simulator/wire/node.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type LinkedInstance, linkBothDialects } from "../../support/gateway/linked-gateway.ts";
import { dialects, type RestClient } from "../../support/gateway/rest-client.ts";
import { type Dialect, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let bob: Phone;
let carol: Phone;
let sides: Record<Dialect, LinkedInstance>;

beforeAll(async () => {
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  carol = await gate.wa.addPhone({ number: "4915550000003", pushName: "Carol" });
  sides = await linkBothDialects(gate);
});
afterAll(async () => {
  await gate?.stop();
});

describe.each(dialects)("in the %s dialect", (dialect) => {
  let owner: Phone;
  let client: RestClient;
  let group: ReturnType<Phone["createGroup"]>;
  beforeAll(() => {
    ({ owner, client } = sides[dialect]);
    group = bob.createGroup(`Crew of ${dialect}`, [owner.number, carol.number]);
  });

  test("a received group message has the group as its chat and its sender as participant", async () => {
    for (const [author, text] of [
      [bob, "first, with the sender key"],
      [bob, "second, without"],
      [carol, "from another member"],
    ] as const) {
      const { id } = await author.sendText(group.jid, text);
      const delivery = await client.reported("received", id);
      expect(client.textOf(delivery)).toBe(text);
      expect(delivery.body.data).toMatchObject({
        from: group.jid,
        chatId: group.jid,
        isGroup: true,
        participant: author.jid,
        phoneNumber: author.number,
        lid: author.lidJid,
        pushName: author.pushName,
        to: owner.jid,
      });
      expect(group.jid).toMatch(/@g\.us$/);
      expect(await client.inHistory(group.jid, id, "received")).toMatchObject({ body: text, fromMe: false });
      const [row] = await gate.db.sql`select chat_id, sender_id, sender_lid from messages where wa_id = ${id}`;
      expect(row).toEqual({ chat_id: group.jid, sender_id: author.jid, sender_lid: author.lidJid });
    }
  });

  test("group messages have the group's current expiration, also if it changed while disconnected", async () => {
    const fleeting = bob.createGroup(`Fleeting of ${dialect}`, [owner.number, carol.number]).jid;
    const device = gate.wa.device(owner.number);
    const expiry = async (text: string) => {
      const id = await client.sendText(fleeting, text);
      const { message } = await bob.waitFor((one) => one.id === id);
      return message.extendedTextMessage?.contextInfo?.expiration ?? 0;
    };
    const known = () => until(async () => device.kept.size === 0 || undefined);
    expect(await expiry("stays")).toBe(0);
    change(bob, fleeting, node("ephemeral", { expiration: "86400" }));
    await known();
    expect(await expiry("goes")).toBe(86_400);
    device.faults.cut();
    change(bob, fleeting, node("ephemeral", { expiration: "604800" }));
    await known();
    expect(await expiry("goes later")).toBe(604_800);
    change(bob, fleeting, node("not_ephemeral"));
    await known();
    expect(await expiry("stays again")).toBe(0);
  });

  test("a group message arrives once at every member, and its status changes from sent to delivered", async () => {
    for (const text of ["first, with the sender key", "second, without", "안녕 👋"]) {
      const id = await client.sendText(group.jid, text);
      for (const phone of [bob, carol]) {
        const arrived = await phone.waitFor((message) => message.id === id);
        expect(arrived).toMatchObject({ chat: group.jid, from: owner.jid, text, copies: 1 });
      }
      expect((await client.reported("sent", id)).body.data).toMatchObject({ chatId: group.jid, to: group.jid });
      await client.inHistory(group.jid, id, "delivered");
    }
  });

  test("each reader of a group message causes one read webhook and at most one delivered webhook", async () => {
    const id = await client.sendText(group.jid, "who reads this?");
    for (const phone of [bob, carol]) phone.markRead(await phone.waitFor((message) => message.id === id));
    await client.inHistory(group.jid, id, "read");
    const marker = await bob.sendText(group.jid, "after the reading");
    await client.reported("received", marker.id);
    const told = client.allReported(id);
    expect(told.filter((what) => what === "read")).toHaveLength(2);
    expect(told.filter((what) => what === "delivered").length).toBeLessThanOrEqual(2);
  });

  test("a member whose phone fails to decrypt a group message requests the message again and gets it", async () => {
    const before = bob.failures.length + carol.failures.length;
    gate.wa.device(owner.number).faults.corruptOut.add(true);
    const id = await client.sendText(group.jid, `damaged on the way, ${dialect}`);
    for (const phone of [bob, carol]) {
      expect(await phone.waitFor((message) => message.id === id)).toMatchObject({ copies: 1, chat: group.jid });
    }
    expect(bob.failures.length + carol.failures.length).toBeGreaterThan(before);
    await client.inHistory(group.jid, id, "delivered");
  });

  test("the host again requests a group message that it failed to decrypt, and the message causes one event", async () => {
    gate.wa.device(owner.number).faults.corruptIn.add(true);
    const sent = await bob.sendText(group.jid, "damaged on the way in");
    const delivery = await client.reported("received", sent.id);
    expect(delivery.body.data).toMatchObject({ chatId: group.jid, participant: bob.jid });
    expect(sent.retries).toBe(1);
    const [row] = await gate.db.sql`
      select count(*)::int as n from messages where instance_id = ${client.instance} and wa_id = ${sent.id}`;
    expect(row?.n).toBe(1);
  });

  test("messages with the same id from two members are both kept", async () => {
    const id = "3EB0ABCDEF0123456789";
    await bob.sendText(group.jid, "bob's", { id });
    await carol.sendText(group.jid, "carol's", { id });
    await client.reported("received", id);
    const marker = await bob.sendText(group.jid, "after the same id");
    await client.reported("received", marker.id);
    const rows = await gate.db.sql`
      select body from messages where instance_id = ${client.instance} and wa_id = ${id} order by body`;
    expect(rows.map((row) => row.body)).toEqual(["bob's", "carol's"]);
  });

  test("a message to a group that the account is not a member of fails with the reason and does not block the next message", async () => {
    const foreign = bob.createGroup("Others", [carol.number]);
    const lost = await client.sendText(foreign.jid, "let me in");
    const next = await client.sendText(group.jid, "still here");
    await bob.waitFor((message) => message.id === next);
    const { error } = (await client.reported("failed", lost)).body.data;
    expect(error.code).toBe("whatsapp_error");
    expect(error.details).toBeTruthy();
    await client.inHistory(foreign.jid, lost, "failed");
  });

  test("a group message that the owner sends on the phone causes a sent event", async () => {
    const { id } = await owner.sendText(group.jid, "by hand");
    expect((await client.reported("sent", id)).body.data).toMatchObject({ chatId: group.jid, source: "phone" });
    const shown = (await client.history(group.jid)).find((message) => message.id === id);
    expect(shown).toMatchObject({ fromMe: true, body: "by hand" });
  });

  test("a member who left gets no more group messages, and the other members still get them", async () => {
    carol.leaveGroup(group.jid);
    const id = await client.sendText(group.jid, `without carol, ${dialect}`);
    await bob.waitFor((message) => message.id === id);
    expect(carol.inbox.messages.find((message) => message.id === id)).toBeUndefined();
  });
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
  for (const phone of gate.wa.phones) {
    // Baileys responds to a retry by sending to the whole group. Phones recognize the copies by their id.
    const doubled = phone.inbox.messages.filter((message) => message.copies > 1).map((message) => message.text);
    expect(doubled.filter((text) => !text?.startsWith("damaged on the way"))).toEqual([]);
  }
});
