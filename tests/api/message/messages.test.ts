import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
let key: string;
let instanceId: string;
beforeAll(async () => {
  api = await startApi();
  ({ key } = await api.user());
  instanceId = await api.instance(key, "connected");
}, 60_000);
afterAll(() => api?.stop());

const jid = "79001234567@s.whatsapp.net";
const command = async (waId: string) => (await api.db.sql`select * from commands where wa_id = ${waId}`)[0];
const message = async (waId: string) => (await api.db.sql`select * from messages where wa_id = ${waId}`)[0];
const send = (body: unknown, headers: Record<string, string> = {}, as = key) =>
  api.request("POST", `/api/whatsapp/${instanceId}/send`, { key: as, body, headers });

describe("a send", () => {
  const text = { phone: "79001234567", message: "Hi! How are you?" };
  const image = { url: "https://example.com/image.jpg", caption: "Image description", filename: "image.jpg" };
  const inGateway = { to: jid, message: "Hello World!" };
  const picture = { to: jid, image: "https://example.com/image.jpg", caption: "Check this out!" };
  const sends = [
    ["/api/whatsapp/{id}/send", text, "message.sendText", { to: jid, text: text.message }, "text"],
    [
      "/api/whatsapp/{id}/send-media",
      { phone: "79001234567", ...image },
      "message.sendMedia",
      { to: jid, ...image },
      "document",
    ],
    ["/api/message/send/text", inGateway, "message.sendText", { to: jid, text: "Hello World!" }, "text"],
    [
      "/api/message/send/image",
      picture,
      "message.sendMedia",
      { to: jid, url: picture.image, kind: "image", caption: picture.caption },
      "image",
    ],
  ] as const;

  test.each(sends)(
    "by %s stores a command, a pending message and a queue entry under one WhatsApp id",
    async (path, body, name, input, type) => {
      const answer = await api.request("POST", path.replace("{id}", instanceId), {
        key,
        body: path.includes("{id}") ? body : { instanceId, ...body },
      });
      expect(answer.status).toBe(200);
      const waId = answer.body.id ?? answer.body.data.messageId;
      expect(waId).toMatch(/^3EB0[0-9A-F]{18}$/);
      expect(answer.body).toEqual(
        path.startsWith("/api/message")
          ? { success: true, data: { messageId: waId, instanceId, to: jid }, message: "Message accepted" }
          : { id: waId },
      );
      const row = await command(waId);
      expect(row).toMatchObject({ name, input, status: "queued", correlation_id: answer.headers.get("x-request-id") });
      expect(await message(waId)).toMatchObject({ status: "pending", chat_id: jid, from_me: true, type });
      expect(await api.queued(instanceId)).toContain(row?.id);
      const seen = await api.request("GET", `/api/commands/${row?.id}`, { key });
      expect(seen.body).toMatchObject({ kind: "send", messageId: waId, status: "queued" });
    },
  );

  test.each([
    "+7 900 123-45-67",
    "007 (900) 123.45.67",
    "79001234567",
    "79001234567@c.us",
    "79001234567:12@s.whatsapp.net",
  ])("accepts the number %s", async (phone) => {
    const { body } = await send({ phone, message: "x" });
    expect((await command(body.id))?.input).toEqual({ to: jid, text: "x" });
  });

  test.each([
    "Привет, мир",
    "안녕하세요 세계",
    "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "a\u0301 \u202Eabc",
    "x".repeat(60_000),
    "가".repeat(20_000),
  ])("keeps the text %.20s unchanged", async (text) => {
    const { body } = await send({ phone: "79001234567", message: text });
    expect((await command(body.id))?.input).toEqual({ to: jid, text });
    expect((await message(body.id))?.body).toBe(text);
  });

  test("removes NUL and lone surrogates from a text", async () => {
    const { status, body } = await send({ phone: "79001234567", message: "a\u0000b\ud800c" });
    expect(status).toBe(200);
    expect((await message(body.id))?.body).toBe("a\uFFFDb\uFFFDc");
  });

  test.each([
    ["no recipient", { message: "x" }],
    ["an invalid recipient", { phone: "hello", message: "x" }],
    ["a number that is too long", { phone: "1234567890123456", message: "x" }],
    ["an empty text", { phone: "79001234567", message: "" }],
    ["no text", { phone: "79001234567" }],
    ["a number as text", { phone: 79001234567, message: "x" }],
    ["more than 64 kB", { phone: "79001234567", message: "x".repeat(65_537) }],
  ])("rejects %s", async (_what, body) => {
    expect(await send(body)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });

  test("requires a connected instance, and the error has the current status", async () => {
    for (const state of ["as made", "qr", "logged_out", "connecting"] as const) {
      const id = await api.instance(key, state);
      const status = state === "as made" ? "connecting" : state;
      const one = await api.request("POST", `/api/whatsapp/${id}/send`, { key, body: text });
      expect(one).toMatchObject({
        status: 409,
        body: { code: "instance_not_connected", status: 409, instanceStatus: status },
      });
      const other = await api.request("POST", "/api/message/send/text", {
        key,
        body: { instanceId: id, ...inGateway },
      });
      expect(other).toMatchObject({ status: 409, body: { success: false, code: "instance_not_connected", status } });
    }
  });
});

describe("an Idempotency-Key", () => {
  const text = { phone: "79001234567", message: "once" };
  const count = async (body: string) =>
    (await api.db.sql`select 1 from messages where instance_id = ${instanceId} and body = ${body}`).length;

  test("turns concurrent requests into one message with one response", async () => {
    const body = { phone: "79001234567", message: "raced" };
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        n % 2
          ? send(body, { "idempotency-key": "race" })
          : send({ ...body, phone: "+7 900 1234567" }, { "idempotency-key": "race" }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(new Set(answers.map(({ body: { id } }) => id)).size).toBe(1);
    expect(await count("raced")).toBe(1);
    const { id } = (await command(answers[0]?.body.id)) ?? {};
    expect((await api.queued(instanceId)).filter((queued) => queued === id)).toHaveLength(1);
  });

  test("returns the same response after the instance lost its connection", async () => {
    const first = await send(text, { "idempotency-key": "later" });
    await api.setState(instanceId, "logged_out");
    const again = await send(text, { "idempotency-key": "later" });
    await api.setState(instanceId, "connected");
    expect(again).toMatchObject({ status: 200, body: first.body });
  });

  test("belongs to one user and one request", async () => {
    await send(text, { "idempotency-key": "mine" });
    expect(await send({ ...text, message: "other" }, { "idempotency-key": "mine" })).toMatchObject({
      status: 409,
      body: { code: "idempotency_conflict" },
    });
    const admin = await api.user({ role: "admin" });
    expect((await send({ ...text, message: "other" }, { "idempotency-key": "mine" }, admin.key)).status).toBe(200);
  });

  test.each(["x".repeat(256), "with space"])("that is not plain and short is rejected: %.20s", async (value) => {
    const answer = await send(text, { "idempotency-key": value });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });
});

test("a slow conversion returns 202 with a location, and its file is kept meanwhile", async () => {
  const bytes = Buffer.from("what is to be converted");
  const path = `/api/media/${instanceId}`;
  const body = { base64: bytes.toString("base64"), mimeType: "audio/mpeg" };
  const answer = await api.request("POST", `${path}/convert/voice`, { key, body, impatient: true });
  expect(answer).toMatchObject({
    status: 202,
    body: { success: true, data: { commandId: expect.any(String), location: expect.any(String) } },
  });
  const upload = createHash("sha256").update(bytes).digest("hex");
  const { body: kept } = await api.request("GET", answer.body.data.location, { key });
  expect(kept).toMatchObject({ name: "media.convertVoice", kind: "query", status: "queued" });
  const [row] = await api.db.sql`select input from commands where id = ${answer.body.data.commandId}`;
  expect(row?.input).toEqual({ upload });
  const link = await api.request("GET", `${path}/${upload}`, { key });
  expect(link.body.data).toMatchObject({ filePath: upload, mimeType: "audio/mpeg", size: bytes.length });
});
