import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Device, Phone } from "../../../simulator/index.ts";
import { change, changeMembers } from "../../../simulator/phone/owner/group.ts";
import { children, node } from "../../../simulator/wire/node.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type LinkedInstance, linkBothDialects, linkInstance } from "../../support/gateway/linked-gateway.ts";
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

describe("the recipients of a message", () => {
  let owner: Phone;
  let client: RestClient;
  let device: Device;
  beforeAll(() => {
    ({ owner, client } = sides["multi-instance"]);
    device = gate.wa.device(owner.number);
  });

  const queries = (xmlns: string) => device.queries.get(xmlns) ?? 0;
  const newPhone = (last: string) => gate.wa.addPhone({ number: `49155500001${last}`, pushName: `Member ${last}` });
  /** Waits until the instance has handled everything that WhatsApp reported. */
  const settled = () => until(async () => device.kept.size === 0 || undefined);
  const arrives = (phone: Phone, id: string) => phone.waitFor((message) => message.id === id);
  const got = (phone: Phone, id: string) => phone.inbox.messages.some((message) => message.id === id);
  /** Returns whether a message was encrypted to a device, by its number or LID. */
  async function wasFor(device: Device | undefined, id: string): Promise<boolean> {
    const jids = await devicesOf(id);
    return jids.some((jid) => jid === device?.pnJid || jid === device?.lidJid);
  }
  async function devicesOf(id: string): Promise<string[]> {
    const [row] = await gate.db.sql<{ jids: string[] }[]>`
      select jids from messages join recipient_lists list on list.instance_id = messages.instance_id and hash = recipients
      where wa_id = ${id}`;
    return row?.jids ?? [];
  }

  test("messages go to the members of the moment, and WhatsApp is asked for the group once", async () => {
    const [dave, erin] = [await newPhone("01"), await newPhone("02")];
    const { jid } = bob.createGroup("Changing", [owner.number, dave.number]);
    await arrives(dave, await client.sendText(jid, "first"));
    const [groups, devices] = [queries("w:g2"), queries("usync")];
    await arrives(dave, await client.sendText(jid, "second"));
    expect([queries("w:g2"), queries("usync")]).toEqual([groups, devices]);

    changeMembers(bob, jid, "add", [erin.jid]);
    await settled();
    const third = await client.sendText(jid, "third");
    for (const phone of [bob, dave, erin]) await arrives(phone, third);
    changeMembers(bob, jid, "promote", [dave.jid]);
    changeMembers(bob, jid, "remove", [dave.jid]);
    await settled();
    const fourth = await client.sendText(jid, "fourth");
    for (const phone of [bob, erin]) await arrives(phone, fourth);
    expect(got(dave, fourth)).toBe(false);
    expect(queries("w:g2")).toBe(groups);

    device.faults.cut();
    changeMembers(bob, jid, "remove", [erin.jid]);
    changeMembers(bob, jid, "add", [dave.jid]);
    const fifth = await client.sendText(jid, "fifth");
    for (const phone of [bob, dave]) await arrives(phone, fifth);
    expect(got(erin, fifth)).toBe(false);
    const afterwards = queries("w:g2");
    for (const text of ["sixth", "seventh"]) await arrives(dave, await client.sendText(jid, text));
    expect(queries("w:g2") - afterwards).toBeLessThanOrEqual(1);
  });

  test("a group that changed its addressing unnoticed gets the message on the second try, with the same id", async () => {
    const changing = bob.createGroup("Migrating", [owner.number, carol.number]);
    changing.addressing = "pn";
    const before = await client.sendText(changing.jid, "by number");
    for (const phone of [bob, carol]) await arrives(phone, before);
    changing.addressing = "lid";
    const after = await client.sendText(changing.jid, "by LID");
    for (const phone of [bob, carol]) expect(await arrives(phone, after)).toMatchObject({ copies: 1 });
    await client.inHistory(changing.jid, after, "delivered");
  });

  test("a former member does not have the key of later messages", async () => {
    const frank = await newPhone("03");
    const { jid } = bob.createGroup("Without Frank", [owner.number, frank.number]);
    await arrives(frank, await client.sendText(jid, "with Frank"));
    changeMembers(bob, jid, "remove", [frank.jid]);
    await settled();
    const { id } = await captured(bob, () => client.sendText(jid, "without Frank"), frank);
    await arrives(bob, id);
    await until(async () => frank.failures.length > 0 || undefined);
    expect(got(frank, id)).toBe(false);
  });

  test("a member who reinstalled WhatsApp reads the next message at once", async () => {
    const grace = await newPhone("04");
    const { jid } = bob.createGroup("With Grace", [owner.number, grace.number]);
    await arrives(grace, await client.sendText(jid, "old phone"));
    grace.reinstall();
    await settled();
    const id = await client.sendText(jid, "new phone");
    expect(await arrives(grace, id)).toMatchObject({ copies: 1 });
    const direct = await client.sendText(grace.number, "and directly");
    await arrives(grace, direct);
    expect(grace.failures).toEqual([]);
  });

  test("a linked device gets messages from the moment it is linked until it is unlinked", async () => {
    const heidi = await newPhone("05");
    await arrives(heidi, await client.sendText(heidi.number, "phone only"));
    const linked = await linkInstance(gate, heidi, "gateway");
    const [companion] = heidi.devices;
    await settled();
    const both = await client.sendText(heidi.number, "phone and computer");
    await linked.client.reported("received", both);
    expect(await wasFor(companion, both)).toBe(true);
    heidi.unlink(companion as Device);
    await settled();
    const alone = await client.sendText(heidi.number, "phone only again");
    await arrives(heidi, alone);
    expect(await wasFor(companion, alone)).toBe(false);
  });

  test("a new device of the account gets copies of the messages that the instance sends", async () => {
    await arrives(carol, await client.sendText(carol.number, "before"));
    const second = await linkInstance(gate, owner, "gateway");
    await settled();
    const id = await client.sendText(carol.number, "with a copy");
    await second.client.reported("sent", id);
    owner.unlink(Math.max(...owner.devices.map((one) => one.id)));
    await settled();
  });

  test("a device that was linked unnoticed gets the message after WhatsApp's acknowledgement", async () => {
    const ivan = await newPhone("06");
    const { jid } = bob.createGroup("With Ivan", [owner.number, ivan.number]);
    for (const chat of [ivan.number, jid]) await arrives(ivan, await client.sendText(chat, "phone only"));
    ivan.account.watchers.clear();
    const linked = await linkInstance(gate, ivan, "gateway");
    for (const chat of [ivan.number, jid]) {
      ivan.account.watchers.clear();
      const id = await client.sendText(chat, `unnoticed, ${chat}`);
      await linked.client.reported("received", id);
      expect(await arrives(ivan, id)).toMatchObject({ copies: 1 });
      const later = await client.sendText(chat, `known, ${chat}`);
      await linked.client.reported("received", later);
    }
  });

  test("a device that was unlinked unnoticed is left out after WhatsApp's acknowledgement", async () => {
    const lena = await newPhone("09");
    await linkInstance(gate, lena, "gateway");
    const [companion] = lena.devices;
    await arrives(lena, await client.sendText(lena.number, "phone and computer"));
    lena.account.watchers.clear();
    lena.unlink(companion as Device);
    const first = await client.sendText(lena.number, "to a device that is gone");
    await client.reported("sent", first);
    expect(await arrives(lena, first)).toMatchObject({ copies: 1 });
    const second = await client.sendText(lena.number, "phone only");
    await arrives(lena, second);
    expect(await wasFor(companion, second)).toBe(false);
  });

  test("a device that is unlinked before its keys are known does not keep the message from the others", async () => {
    const mia = await newPhone("10");
    await arrives(mia, await client.sendText(mia.number, "phone only"));
    await linkInstance(gate, mia, "gateway");
    await settled();
    device.faults.answers.begin("encrypt");
    const id = await client.sendText(mia.number, "who gets this?");
    await until(async () => device.faults.answers.count("encrypt") > 0 || undefined);
    mia.account.watchers.clear();
    mia.unlink(mia.devices[0] as Device);
    device.faults.answers.end("encrypt");
    expect(await arrives(mia, id)).toMatchObject({ copies: 1 });
    await client.inHistory(mia.jid, id, "delivered");
  });

  test("receiving does not wait for the keys of a recipient", async () => {
    const judy = await newPhone("07");
    await arrives(judy, await client.sendText(judy.number, "phone only"));
    await linkInstance(gate, judy, "gateway");
    await settled();
    device.faults.answers.begin("encrypt");
    const id = await client.sendText(judy.number, "waits for the keys of the computer");
    await until(async () => device.faults.answers.count("encrypt") > 0 || undefined);
    device.faults.corruptIn.add(true);
    const unreadable = await bob.sendText(owner.number, "damaged on the way in");
    const readable = await carol.sendText(owner.number, "meanwhile");
    await client.reported("received", readable.id);
    await client.reported("received", unreadable.id);
    expect(got(judy, id)).toBe(false);
    device.faults.answers.end("encrypt");
    await arrives(judy, id);
  });

  test("a message to a known contact needs no lookup, and a message to a new one needs three", async () => {
    const kim = await newPhone("08");
    const counted = async (text: string) => {
      const before = queries("usync") + queries("encrypt") + queries("w:g2");
      await arrives(kim, await client.sendText(kim.number, text));
      return queries("usync") + queries("encrypt") + queries("w:g2") - before;
    };
    expect(await counted("new")).toBe(3);
    device.faults.slow(150);
    expect(await counted("known")).toBe(0);
    expect(await counted("still known")).toBe(0);
    device.faults.slow(0);
  });
});

/** Returns what `send` returns, and delivers the message that `phone` gets also to `eavesdropper`. */
async function captured(phone: Phone, send: () => Promise<string>, eavesdropper: Phone): Promise<{ id: string }> {
  const deliver = phone.deliver.bind(phone);
  phone.deliver = (stanza) => {
    deliver(stanza);
    if (stanza.tag === "message")
      eavesdropper.deliver({
        ...stanza,
        content: children(stanza, "enc").filter(({ attrs }) => attrs.type === "skmsg"),
      });
  };
  const id = await send();
  await phone.waitFor((message) => message.id === id);
  phone.deliver = deliver;
  return { id };
}

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
  for (const phone of gate.wa.phones) {
    // Baileys responds to a retry by sending to the whole group. Phones recognize the copies by their id.
    const doubled = phone.inbox.messages.filter((message) => message.copies > 1).map((message) => message.text);
    expect(doubled.filter((text) => !text?.startsWith("damaged on the way"))).toEqual([]);
  }
});
