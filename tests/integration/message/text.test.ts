import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { expectNoComplaints } from "../../support/gateway/complaints.ts";
import { type LinkedInstance, linkBothDialects } from "../../support/gateway/linked-gateway.ts";
import { dialects, type RestClient } from "../../support/gateway/rest-client.ts";
import { type Dialect, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let bob: Phone;
let sides: Record<Dialect, LinkedInstance>;

beforeAll(async () => {
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  sides = await linkBothDialects(gate);
});
afterAll(async () => {
  await gate?.stop();
});

const fill = (text: string, bytes: number) => text.repeat(Math.ceil(bytes / Buffer.byteLength(text)));
const texts = {
  Korean: "안녕하세요, 스위치보드입니다. ㄱㄴㄷ 각",
  "Korean in decomposed form": "안녕하세요".normalize("NFD"),
  Cyrillic: "Съешь же ещё этих мягких французских булок, да выпей чаю. Ґ є ї Ў",
  "emoji with joiners, skin tones and flags": "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇰🇷 1️⃣ 🧑🏿‍🚀",
  "characters that SQS rejects": "a\uFFFEb\uFFFFc \u0001\u007F",
  "right to left with marks": "שלום \u200Fعالم\u200E abc \u202Eقلب\u202C",
  "combining characters": "Z̶̢̛a̸̡̧l̴̨͝g̵̢͠o̶ e\u0301 n\u0303",
  "line breaks, tabs and markup": "a\r\nb\tc\n\n<b>&amp;\"'\\n{}%s$1</b>\u2028\u2029",
  "60 kB of Latin": fill("The quick brown fox jumps over the lazy dog. ", 60_000),
  "60 kB of Korean": fill("다람쥐 헌 쳇바퀴에 타고파. ", 60_000),
  "60 kB of emoji": fill("👩‍👩‍👧‍👦🏳️‍🌈", 60_000),
};

describe.each(dialects)("in the %s dialect", (dialect) => {
  let owner: Phone;
  let client: RestClient;
  beforeAll(() => {
    ({ owner, client } = sides[dialect]);
  });

  test.each(Object.entries(texts))(
    "a sent text arrives unchanged at the phone, in the history and in the webhook: %s",
    async (_name, text) => {
      const id = await client.sendText(bob.number, text);
      const arrived = await bob.waitFor((message) => message.id === id);
      expect(arrived).toMatchObject({ text, chat: owner.jid, from: owner.jid, kind: "text", copies: 1 });
      expect(await client.inHistory(bob.number, id, "delivered")).toMatchObject({
        body: text,
        fromMe: true,
        type: "text",
      });
      const [row] = await gate.db.sql`select body from messages where wa_id = ${id} and from_me`;
      expect(row?.body).toBe(text);
      const sent = await client.reported("sent", id);
      expect(client.textOf(sent)).toBe(text);
      expect(sent.body.data).toMatchObject({ source: "api", chatId: bob.jid });
    },
  );

  test.each(Object.entries(texts))(
    "a received text is unchanged in the history and in the webhook: %s",
    async (_name, text) => {
      const { id } = await bob.sendText(owner.number, text);
      expect(await client.inHistory(bob.number, id, "received")).toMatchObject({
        body: text,
        fromMe: false,
        type: "text",
      });
      const [row] = await gate.db.sql`select body, sender_id, sender_lid from messages where wa_id = ${id}`;
      expect(row).toMatchObject({ body: text, sender_id: bob.jid, sender_lid: bob.lidJid });
      const received = await client.reported("received", id);
      expect(client.textOf(received)).toBe(text);
      expect(received.body.data).toMatchObject({
        from: bob.jid,
        chatId: bob.jid,
        to: owner.jid,
        phoneNumber: bob.number,
        lid: bob.lidJid,
        pushName: "Bob",
        isGroup: false,
      });
      await bob.waitForStatus(id, "delivered");
    },
  );

  test.each(["a NUL \u0000 inside", "half of a pair: \uD83D", "\uDC00 the other half", "\u0000"])(
    "a sent text that Postgres cannot store arrives well-formed and does not block the next text: %j",
    async (odd) => {
      const id = await client.sendText(bob.number, odd);
      const next = await client.sendText(bob.number, `after ${JSON.stringify(odd)}`);
      await bob.waitFor((message) => message.id === next);
      const arrived = await bob.waitFor((message) => message.id === id);
      expect(arrived.text?.isWellFormed()).toBe(true);
      expect(await client.inHistory(bob.number, id, "delivered")).toMatchObject({ body: arrived.text });
      expect(client.textOf(await client.reported("sent", id))).toBe(arrived.text);
    },
  );

  test.each(["a NUL \u0000 inside", "half of a pair: \uD83D", "\u0000"])(
    "a received text that Postgres cannot store is stored well-formed and does not block the next text: %j",
    async (odd) => {
      const sent = await bob.sendText(owner.number, odd);
      const next = await bob.sendText(owner.number, `after ${JSON.stringify(odd)}`);
      await client.reported("received", next.id);
      const text = client.textOf(await client.reported("received", sent.id));
      expect(text.isWellFormed()).toBe(true);
      expect(await client.inHistory(bob.number, sent.id, "received")).toMatchObject({ body: text });
      await bob.waitForStatus(sent, "delivered");
    },
  );

  test("texts arrive in the order in which they were sent, with the returned ids", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 50; index++)
      ids.push(await client.sendText(bob.number, `${dialect} in order ${index}`));
    await bob.waitFor((message) => message.id === ids.at(-1));
    const arrived = bob.inbox.messages.filter((message) => message.text?.startsWith(`${dialect} in order `));
    expect(arrived.map((message) => message.id)).toEqual(ids);
    expect(arrived.map((message) => message.text)).toEqual(ids.map((_id, index) => `${dialect} in order ${index}`));
    const history = await until(async () => {
      const listed = (await client.history(bob.number, 50)).filter((message) => message.status !== "pending");
      return listed.length === 50 ? listed : undefined;
    });
    expect(history.map((message) => message.id)).toEqual(ids.toReversed());
  });

  test("events of received texts are in the order in which the texts were sent", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 50; index++) ids.push((await bob.sendText(owner.number, `told in order ${index}`)).id);
    await client.reported("received", ids.at(-1) ?? "");
    const rows = await gate.db.sql<{ id: string }[]>`
      select data->>'messageId' as id from events
      where instance_id = ${client.instance} and type = 'message.received' and data->>'body' like 'told in order %'
      order by seq`;
    expect(rows.map((row) => row.id)).toEqual(ids);
  });

  test("requests with the same Idempotency-Key send one message", async () => {
    const headers = { "idempotency-key": `once-${dialect}` };
    const asked = [1, 2, 3, 4].map(() => client.sendText(bob.number, `${dialect} once`, headers));
    const ids = new Set([...(await Promise.all(asked)), await client.sendText(bob.number, `${dialect} once`, headers)]);
    expect(ids.size).toBe(1);
    const after = await client.sendText(bob.number, `${dialect} after once`);
    await bob.waitFor((message) => message.id === after);
    const arrived = bob.inbox.messages.filter((message) => message.text === `${dialect} once`);
    expect(arrived.map(({ id, copies }) => ({ id, copies }))).toEqual([{ id: [...ids][0], copies: 1 }]);
    await expect(client.sendText(bob.number, "something else", headers)).rejects.toThrow("409");
  });

  test("a text to a number that is not on WhatsApp fails with the reason and does not block the next text", async () => {
    const nobody = "4915559999999";
    const lost = await client.sendText(nobody, "hello?");
    const next = await client.sendText(bob.number, "hello!");
    await bob.waitFor((message) => message.id === next);
    const failed = await client.reported("failed", lost);
    expect(failed.body.data.error).toEqual({
      code: "recipient_not_on_whatsapp",
      details: expect.stringContaining(nobody),
    });
    expect(await client.inHistory(nobody, lost, "failed")).toMatchObject({ body: "hello?" });
    expect(client.allReported(lost)).toEqual(["failed"]);
  });

  test("a text that WhatsApp rejects fails with WhatsApp's code and does not block the next text", async () => {
    gate.wa.device(owner.number).faults.ack.add(463);
    const lost = await client.sendText(bob.number, "refused");
    const next = await client.sendText(bob.number, "not refused");
    await bob.waitFor((message) => message.id === next);
    const failed = await client.reported("failed", lost);
    expect(failed.body.data.error).toEqual({ code: "account_restricted", details: expect.stringContaining("463") });
    await client.inHistory(bob.number, lost, "failed");
  });

  test("a text that WhatsApp refuses with 479 is sent again for the current devices", async () => {
    gate.wa.device(owner.number).faults.ack.add(479);
    const id = await client.sendText(bob.number, `${dialect} malformed once`);
    await bob.waitFor((message) => message.id === id);
    await client.inHistory(bob.number, id, "delivered");
    gate.wa.device(owner.number).faults.ack.add(479, 2);
    const lost = await client.sendText(bob.number, `${dialect} malformed twice`);
    const failed = await client.reported("failed", lost);
    expect(failed.body.data.error).toEqual({ code: "whatsapp_error", details: expect.stringContaining("479") });
  });

  test("a text that the owner sends on the phone causes a sent event, not a received event", async () => {
    const { id } = await owner.sendText(bob.number, "typed by hand");
    const sent = await client.reported("sent", id);
    expect(client.textOf(sent)).toBe("typed by hand");
    expect(sent.body.data).toMatchObject({ source: "phone", chatId: bob.jid });
    const shown = (await client.history(bob.number)).find((message) => message.id === id);
    expect(shown).toMatchObject({ fromMe: true, body: "typed by hand" });
    expect(client.allReported(id)).not.toContain("received");
  });

  test("a text that is sent over the API also appears on the owner's phone", async () => {
    const id = await client.sendText(bob.number, "seen on the phone");
    const copy = await owner.waitFor((message) => message.id === id);
    expect(copy).toMatchObject({ fromMe: true, text: "seen on the phone", chat: bob.jid });
  });

  test("a recipient can be a formatted number, a JID or a LID", async () => {
    const spellings = ["+49 1555 0000-002", "0049 (1555) 0000002", bob.jid, "4915550000002@c.us", bob.lidJid];
    for (const spelling of spellings) {
      const id = await client.sendText(spelling, `to ${spelling}`);
      expect(await bob.waitFor((message) => message.id === id)).toMatchObject({ text: `to ${spelling}` });
    }
  });
});

test.each([
  ["with one byte in JSON", fill("0123456789", 300_000), 131_072],
  ["with six bytes in JSON", fill("\u0001", 100_000), 131_072 / 6],
  ["that end in the middle of the last character", `${fill("a", 131_070)}👍${fill("b", 10)}`, 131_070],
  ["of WhatsApp's longest text", `${fill("a", 65_532)}👍`, 65_534],
])("a text of characters %s has the same beginning in the history and in the webhook", async (_name, text, length) => {
  const { owner, client } = sides["multi-instance"];
  const { id } = await bob.sendText(owner.number, text);
  const { body } = await client.reported("received", id);
  expect(body.data.body).toBe(text.slice(0, Math.floor(length)));
  expect(body.data.truncated).toBe(body.data.body === text ? undefined : true);
  expect((await client.inHistory(bob.number, id, "received")).body).toBe(body.data.body);
});

test("a sender addressed by number and by LID has the same chat and JID", async () => {
  const { owner, client } = sides["multi-instance"];
  for (const addressing of ["pn", "lid"] as const) {
    const { id } = await bob.sendText(owner.number, `by ${addressing}`, { addressing });
    const { data } = (await client.reported("received", id)).body;
    expect(data).toMatchObject({ from: bob.jid, chatId: bob.jid, phoneNumber: bob.number });
    await client.inHistory(bob.number, id, "received");
  }
});

test("WhatsApp and the phones report no error, and every phone decrypted each message once", () => {
  expectNoComplaints(gate.wa);
  for (const phone of gate.wa.phones) {
    expect(phone.failures).toEqual([]);
    expect(phone.inbox.duplicates).toBe(0);
  }
});
