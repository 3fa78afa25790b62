import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expireCommands } from "../../../core/command/sweep.ts";
import { type Ask, startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
let key: string;
let stranger: string;
let instanceId: string;
beforeAll(async () => {
  api = await startApi();
  ({ key } = await api.user());
  ({ key: stranger } = await api.user());
  instanceId = await api.instance(key, "connected");
}, 60_000);
afterAll(() => api?.stop());

const hour = 60 * 60 * 1000;
const inHours = (hours: number) => new Date(api.deps.clock.now().getTime() + hours * hour).toISOString();
const call = (method: string, path: string, ask: Ask = {}, id = instanceId) =>
  api.request(method, `/api/whatsapp/${id}/${path}`, { key, ...ask });
const send = (body: object, ask: Ask = {}, id = instanceId) =>
  call("POST", "send", { body: { phone: "+7 900 123-45-67", message: "later", ...body }, ...ask }, id);
const scheduled = async () => (await call("GET", "scheduled")).body.scheduled.map((one: { id: string }) => one.id);
const message = async (waId: string) => (await api.db.sql`select * from messages where wa_id = ${waId}`)[0];
const command = async (waId: string) => (await api.db.sql`select * from commands where wa_id = ${waId}`)[0];

describe("a scheduled send", () => {
  test("is stored as a scheduled command and a pending message, and is not enqueued", async () => {
    const sendAt = inHours(2);
    const { status, body } = await send({ sendAt });
    expect({ status, body }).toEqual({ status: 200, body: { id: expect.any(String), scheduledAt: sendAt } });
    const row = await command(body.id);
    expect(row).toMatchObject({ status: "scheduled", run_at: new Date(sendAt) });
    expect(row?.deadline.getTime()).toBe(Date.parse(sendAt) + 24 * hour);
    expect(await message(body.id)).toMatchObject({ status: "pending", sent_at: new Date(sendAt.replace(/\.\d+/, "")) });
    expect(await api.queued(instanceId)).not.toContain(row?.id);
    expect((await call("GET", "scheduled")).body.scheduled).toContainEqual({
      id: body.id,
      phone: "79001234567",
      messageType: "text",
      content: "later",
      scheduledAt: sendAt,
      waitingFor: null,
      createdAt: expect.any(String),
    });
  });

  test("can be a file, at a time with any UTC offset", async () => {
    const { body } = await call("POST", "send-media", {
      body: {
        phone: "79001234567",
        url: "https://example.com/a.jpg",
        sendAt: inHours(14).replace(/:\d\d\.\d+Z/, "+09:00"),
      },
    });
    expect(Math.round((Date.parse(body.scheduledAt) - api.deps.clock.now().getTime()) / hour)).toBe(5);
    const form = new FormData();
    for (const [name, value] of Object.entries({ phone: "79001234567", sendAt: inHours(3) })) form.set(name, value);
    form.set("file", new Blob(["hello"]), "hello.txt");
    const answer = await fetch(`${api.url}/api/whatsapp/${instanceId}/send-file`, {
      method: "POST",
      headers: { "x-api-key": key },
      body: form,
    });
    const sent = (await answer.json()) as { id: string };
    expect(await command(sent.id)).toMatchObject({ status: "scheduled" });
  });

  test.each([
    ["a time in the past", () => inHours(-1)],
    ["a time more than a year ahead", () => inHours(24 * 400)],
    ["no UTC offset", () => "2027-03-01T09:00:00"],
    ["no time", () => "tomorrow"],
  ])("is rejected with %s", async (_what, at) => {
    expect(await send({ sendAt: at() })).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });

  const url = "https://example.com/a.png";
  test.each<[path: string, body: object]>([
    ["message/send/text", { message: "later" }],
    ["message/send/image", { image: url }],
    ["message/send/file", { file: url }],
    ["message/send/video", { video: url }],
    ["message/send/voice", { audio: url }],
    ["message/send/sticker", { sticker: url }],
    ["message/send/location", { latitude: 52.5, longitude: 13.4 }],
    [
      "message/send/contact",
      { contacts: [{ displayName: "Ann", vcard: "BEGIN:VCARD\nVERSION:3.0\nFN:Ann\nEND:VCARD" }] },
    ],
    ["message/send/poll", { question: "Which?", options: ["A", "B"] }],
    ["message/send/link-preview", { url }],
    ["events/{instanceId}", { event: "meeting", name: "Lunch", startTime: "2031-01-01T12:00:00Z" }],
    ["groups/{instanceId}/120363000000000001@g.us/message", { message: "later" }],
  ])("works for %s of the Gateway API too, and the response has its time", async (path, body) => {
    const sendAt = inHours(2);
    const whole = path.includes("{instanceId}") ? body : { instanceId, ...body };
    const to = path.startsWith("groups") ? {} : { to: "+7 900 123-45-67" };
    const answer = await api.request("POST", `/api/${path.replace("{instanceId}", instanceId)}`, {
      key,
      body: { ...whole, ...to, sendAt },
    });
    expect(answer).toMatchObject({ status: 200, body: { success: true, data: { scheduledAt: sendAt } } });
    const { messageId } = answer.body.data;
    expect(await command(messageId)).toMatchObject({ status: "scheduled", run_at: new Date(sendAt) });
    expect((await call("DELETE", `scheduled/${messageId}`)).status).toBe(200);
  });

  test("requires a linked instance, connected or not", async () => {
    const id = await api.instance(key, "connecting");
    const refused = { status: 409, body: { code: "instance_not_connected", instanceStatus: "connecting" } };
    expect(await send({ sendAt: inHours(1) }, {}, id)).toMatchObject(refused);
    expect(
      await call("POST", "bulk", { body: { recipients: [{ phone: "79001234567" }], message: "x" } }, id),
    ).toMatchObject(refused);
    await api.db.sql`update instances set linked_at = now(), status = 'disconnected' where id = ${id}`;
    expect((await send({ sendAt: inHours(1) }, {}, id)).status).toBe(200);
  });

  test("is accepted once per Idempotency-Key, even after its time, and conflicts with a different time", async () => {
    const ask = { headers: { "idempotency-key": "at-noon" } };
    const sendAt = inHours(1);
    const first = await send({ sendAt }, ask);
    api.deps.clock.advance(2 * hour);
    expect(await send({ sendAt }, ask)).toMatchObject({ status: 200, body: first.body });
    expect(await send({ sendAt: inHours(1) }, ask)).toMatchObject({
      status: 409,
      body: { code: "idempotency_conflict" },
    });
    expect(await send({}, ask)).toMatchObject({ status: 409, body: { code: "idempotency_conflict" } });
  });

  test("can be canceled, and canceling twice has no further effect", async () => {
    const { body } = await send({ sendAt: inHours(1) });
    for (const _time of [1, 2]) {
      expect(await call("DELETE", `scheduled/${body.id}`)).toMatchObject({ status: 200, body: { success: true } });
    }
    expect(await scheduled()).not.toContain(body.id);
    expect(await command(body.id)).toMatchObject({ status: "canceled", finished_at: expect.any(Date) });
    const history = await api.request("GET", `/api/instances/${instanceId}/chats/79001234567/messages`, { key });
    const shown = history.body.messages.find((one: { messageId: string }) => one.messageId === body.id);
    expect(shown).toMatchObject({ status: "canceled" });
  });

  test("that is being sent or does not exist can't be canceled", async () => {
    const { body } = await send({});
    expect(await call("DELETE", `scheduled/${body.id}`)).toMatchObject({
      status: 409,
      body: { code: "already_released" },
    });
    expect(await call("DELETE", "scheduled/3EB0NOBODY")).toMatchObject({
      status: 404,
      body: { code: "message_not_found" },
    });
  });

  test("fails with an event when no host takes it within a day of its time", async () => {
    const { body } = await send({ sendAt: inHours(1) });
    api.deps.clock.advance(24 * hour);
    await expireCommands(api.deps);
    expect(await message(body.id)).toMatchObject({ status: "pending" });
    api.deps.clock.advance(2 * hour);
    await expireCommands(api.deps);
    expect(await message(body.id)).toMatchObject({ status: "failed", error: "command_expired" });
    const [event] = await api.db.sql`
      select data from events where instance_id = ${instanceId} and type = 'message.failed' and data->>'messageId' = ${body.id}`;
    expect(event?.data).toMatchObject({ code: "command_expired" });
  });
});

describe("a bulk", () => {
  const phone = (index: number) => `7901${String(index).padStart(7, "0")}`;
  const bulk = (body: object, ask: Ask = {}) =>
    call("POST", "bulk", { body: { message: "hi", recipients: [{ phone: phone(1) }], ...body }, ...ask });
  const report = async (id: string) => (await call("GET", `bulk/${id}`)).body;

  test("accepts valid recipients with their texts, and reports why each other recipient is rejected", async () => {
    const recipients = [
      { phone: phone(1), variables: { name: "Ann", n: 3 } },
      { phone: phone(2), variables: { name: "{{n}}" } },
      { phone: `+${phone(1)}`, variables: { name: "Ann again", n: 3 } },
      { phone: "nobody", message: "x" },
      { phone: phone(3), message: "only {{yours}}" },
      { phone: phone(4), message: "" },
    ];
    const answer = await bulk({ recipients, message: "Dear {{ name }}, {{n}} left", sendAt: inHours(1) });
    expect(answer).toMatchObject({ status: 201, body: { total: 6, accepted: 2, rejected: 4 } });
    const { bulkId } = answer.body;
    const rows = await api.db.sql`
      select c.status, c.input->>'text' as text, m.status as shown, m.body from commands c
      join messages m on m.instance_id = c.instance_id and m.wa_id = c.wa_id
      where bulk_id = ${bulkId} order by bulk_index`;
    expect([...rows]).toEqual(
      ["Dear Ann, 3 left", "only {{yours}}"].map((text) => ({
        status: "scheduled",
        text,
        shown: "pending",
        body: text,
      })),
    );
    expect(await report(bulkId)).toMatchObject({
      status: "running",
      total: 6,
      perMinute: 60,
      finishedAt: null,
      progress: { scheduled: 2, sending: 0, rejected: 4 },
    });
    const list = (await call("GET", `bulk/${bulkId}/recipients?skip=1&limit=2`)).body;
    expect(list.pagination).toEqual({ total: 6, limit: 2, skip: 1, hasMore: true });
    expect(list.recipients).toMatchObject([
      { index: 1, phone: phone(2), messageId: null, status: "rejected", error: { code: "invalid_request" } },
      {
        index: 2,
        phone: `+${phone(1)}`,
        status: "rejected",
        error: { details: expect.stringContaining("recipient 0") },
      },
    ]);
    const waiting = (await call("GET", `bulk/${bulkId}/recipients?status=scheduled`)).body.recipients;
    expect(waiting.map((one: { index: number }) => one.index)).toEqual([0, 4]);
    expect((await call("GET", "bulk")).body.bulks[0]).toMatchObject({ id: bulkId });
    expect(await scheduled()).not.toContain(waiting[0].messageId);
  });

  test("can send files with the text as caption", async () => {
    const media = { url: "https://example.com/a.jpg", caption: "For {{name}}" };
    const { body } = await bulk({ media, recipients: [{ phone: phone(1), variables: { name: "Ann" } }] });
    const [row] = await api.db.sql`select name, input from commands where bulk_id = ${body.bulkId}`;
    expect(row).toMatchObject({ name: "message.sendMedia", input: { url: media.url, caption: "For Ann" } });
    const lost = await bulk({ media: { uploadId: "0".repeat(32) } });
    expect(lost).toMatchObject({ status: 400, body: { code: "media_not_usable" } });
  });

  test.each([
    ["no valid recipient", { recipients: [{ phone: "x" }] }],
    ["no recipients", { recipients: [] }],
    [
      "more than 10,000 recipients",
      { recipients: Array.from({ length: 10_001 }, (_, index) => ({ phone: phone(index) })) },
    ],
    ["no text", { message: undefined }],
    ["a pace of 0", { perMinute: 0 }],
    ["a time in the past", { sendAt: "2020-01-01T00:00:00Z" }],
    ["both a URL and an upload", { media: { url: "https://example.com/a", uploadId: "0".repeat(32) } }],
    [
      "texts that are too large in total",
      { message: "x".repeat(60_000), recipients: Array.from({ length: 600 }, (_, index) => ({ phone: phone(index) })) },
    ],
  ])("is rejected with %s", async (_what, body) => {
    expect(await bulk(body)).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });

  test("of 10,000 recipients is accepted in order and canceled as a whole", async () => {
    const recipients = Array.from({ length: 10_000 }, (_, index) => ({ phone: phone(index) }));
    const { body } = await bulk({ recipients });
    expect(body).toMatchObject({ accepted: 10_000, rejected: 0 });
    const [row] = await api.db.sql`
      select count(*)::int as n, bool_and(input->>'to' = '7901' || lpad(bulk_index::text, 7, '0') || '@s.whatsapp.net') as right
      from commands where bulk_id = ${body.bulkId}`;
    expect(row).toEqual({ n: 10_000, right: true });
    const { estimatedEnd, createdAt } = await report(body.bulkId);
    expect(Date.parse(estimatedEnd) - Date.parse(createdAt)).toBeGreaterThanOrEqual(10_000 * 1000);
    expect((await call("DELETE", `bulk/${body.bulkId}`)).body).toEqual({ success: true, canceled: 10_000 });
    expect((await call("DELETE", `bulk/${body.bulkId}`)).body).toEqual({ success: true, canceled: 0 });
    const after = await report(body.bulkId);
    expect(after).toMatchObject({
      status: "canceled",
      estimatedEnd: null,
      progress: { scheduled: 0, canceled: 10_000 },
    });
    const [left] = await api.db.sql`
      select count(*)::int as n from messages where instance_id = ${instanceId} and status = 'pending'
        and wa_id in (select wa_id from commands where bulk_id = ${body.bulkId})`;
    expect(left?.n).toBe(0);
  });

  test("is accepted once per Idempotency-Key under concurrent requests", async () => {
    const ask = { headers: { "idempotency-key": "campaign" } };
    const answers = await Promise.all(Array.from({ length: 4 }, () => bulk({ message: "campaign" }, ask)));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body.bulkId}`)).size).toBe(1);
    expect((await api.db.sql`select 1 from messages where body = 'campaign'`).length).toBe(1);
    expect(await bulk({ message: "another" }, ask)).toMatchObject({
      status: 409,
      body: { code: "idempotency_conflict" },
    });
    expect(await send({}, ask)).toMatchObject({ status: 409, body: { code: "idempotency_conflict" } });
  });

  test("fails if nothing can be sent for a day, unless it waits for an earlier bulk", async () => {
    const { body } = await bulk({ recipients: [{ phone: phone(1) }, { phone: phone(2) }] });
    api.deps.clock.advance(20 * hour);
    const before = (await bulk({})).body.bulkId;
    await api.db.sql`update bulks set released_at = ${api.deps.clock.now()} where id = ${before}`;
    api.deps.clock.advance(20 * hour);
    await expireCommands(api.deps);
    expect((await report(body.bulkId)).progress).toMatchObject({ scheduled: 2 });
    api.deps.clock.advance(20 * hour);
    await expireCommands(api.deps);
    expect((await report(body.bulkId)).progress).toMatchObject({ scheduled: 0, failed: 2 });
  });
});

const unknown = "00000000-0000-7000-8000-000000000000";
test.each([
  ["GET", "scheduled", undefined],
  ["DELETE", "scheduled/3EB0", "message_not_found"],
  ["POST", "bulk", undefined],
  ["GET", "bulk", undefined],
  ["GET", `bulk/${unknown}`, "bulk_not_found"],
  ["GET", `bulk/${unknown}/recipients`, "bulk_not_found"],
  ["DELETE", `bulk/${unknown}`, "bulk_not_found"],
  ["DELETE", "bulk/none", "bulk_not_found"],
])("%s %s is limited to the owner and returns 404 for unknown ids", async (method, path, code) => {
  const body = method === "POST" ? { body: { recipients: [{ phone: "79001234567" }], message: "x" } } : {};
  expect((await api.request(method, `/api/whatsapp/${instanceId}/${path}`, body)).status).toBe(401);
  expect(await call(method, path, { ...body, key: stranger })).toMatchObject({
    status: 403,
    body: { code: "forbidden" },
  });
  const other = await api.instance(stranger, "connected");
  if (code) {
    expect(await call(method, path, { ...body, key: stranger }, other)).toMatchObject({ status: 404, body: { code } });
  }
});
