import { afterAll, beforeAll, expect, test } from "vitest";
import { startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
let key: string;
let id: string;
const chat = "6281234567890@s.whatsapp.net";

/** Texts that take up to seven times as much in a response. */
const control = "\u0001".repeat(800_000);
const quotes = '"\\'.repeat(450_000);
/** Cyrillic letters have two bytes. */
const letters = "ж".repeat(20_000);

beforeAll(async () => {
  api = await startApi();
  ({ key } = await api.user());
  id = await api.instance(key, "connected");
  await addMessages([control, quotes, control, quotes, "x".repeat(900_000), control, quotes, "short"]);
  await addEvents();
  await addScheduled();
  await api.db.sql`
    insert into contacts (instance_id, jid, lid, name, push_name, business_name)
    select ${id}, (79000000000 + n) || '@s.whatsapp.net', (100000 + n) || '@lid', n || ${letters.slice(0, 4_000)}::text,
      ${'"'.repeat(500)}::text, ${'"'.repeat(500)}::text from generate_series(1, 1200) n`;
  await api.db.sql`
    insert into deliveries (id, instance_id, event_id, event_seq, event_type, correlation_id, url, body, status, next_at)
    select gen_random_uuid(), ${id}, gen_random_uuid(), n, 'message.received', ${'"'.repeat(128)}::text,
      ${`https://example.com/${"a".repeat(2_000)}?`}::text || n, '{}', 'succeeded', now() from generate_series(1, 2000) n`;
  await api.db.sql`
    insert into activities (id, instance_id, action, details, created_at)
    select gen_random_uuid(), ${id}, 'test', jsonb_build_object('text', ${quotes.slice(0, 10_000)}::text), now()
    from generate_series(1, 300) n`;
}, 120_000);
afterAll(() => api?.stop());

async function addMessages(bodies: readonly string[]): Promise<void> {
  for (const [index, body] of bodies.entries()) {
    for (const [place, prefix] of [
      [chat, "WA"],
      [`62812345678${index}@s.whatsapp.net`, "CHAT"],
    ] as const) {
      await api.db.sql`
        insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, type, proto_type, body, status, sent_at)
        values (gen_random_uuid(), ${id}, ${`${prefix}${index}`}, ${place}, false, ${place}, 'text', 'conversation', ${body},
          'received', ${new Date(Date.UTC(2023, 0, 1 + index))})`;
    }
  }
}

async function addEvents(): Promise<void> {
  await api.db.sql`
    insert into events (id, instance_id, shard, seq, type, data)
    select gen_random_uuid(), ${id}, 0, (select event_seq from instances where id = ${id}) + n, 'message.failed',
      jsonb_build_object('messageId', 'WA', 'chatId', 'c', 'code', 'command_expired', 'details', ${quotes}::text)
    from generate_series(1, 4) n`;
  await api.db.sql`update instances set event_seq = event_seq + 4 where id = ${id}`;
}

/** The body of a scheduled message has at most 64 KiB. */
async function addScheduled(): Promise<void> {
  const sendAt = new Date(Date.now() + 3_600_000).toISOString();
  for (let n = 0; n < 80; n++) {
    const body = { phone: "79001234567", message: quotes.slice(0, 65_000), sendAt };
    expect((await api.request("POST", `/api/whatsapp/${id}/send`, { key, body })).status).toBe(200);
  }
}

/** The event of a Lambda response contains the body as a string. Lambda accepts 6 MB. */
const lambdaBytes = (body: unknown) => Buffer.byteLength(JSON.stringify(JSON.stringify(body)));

type List = [name: string, path: () => string, items: string, identity: string, total: number];
const lists: List[] = [
  ["messages", () => `/api/instances/${id}/chats/${chat}/messages`, "messages", "messageId", 8],
  ["messages in the Gateway API", () => `/api/message/chat/${id}/${chat}`, "data", "messageId", 8],
  ["chats in the Gateway API", () => `/api/message/chats/${id}`, "data", "id", 9],
  ["scheduled messages", () => `/api/whatsapp/${id}/scheduled`, "scheduled", "id", 80],
  ["contacts", () => `/api/whatsapp/${id}/contacts`, "contacts", "id", 1_200],
  ["contacts in the Gateway API", () => `/api/contacts/${id}/all`, "data", "id", 1_200],
  ["LIDs in the Gateway API", () => `/api/contacts/${id}/lids`, "data", "lid", 1_200],
  ["deliveries", () => `/api/instances/${id}/webhooks/deliveries`, "deliveries", "id", 2_000],
  ["deliveries in the Gateway API", () => "/api/webhook/logs", "data", "id", 2_000],
  ["activity", () => `/api/instances/${id}/activity`, "logs", "id", 300],
];

test.each(lists)("a list of %s has pages of limited size and contains each item once", async (...list) => {
  const [, path, items, identity, least] = list;
  for (const limit of ["limit=1000", ""]) {
    const seen: string[] = [];
    for (let more = true, skip = 0; more; ) {
      const { status, body } = await api.request("GET", `${path()}?${limit}&skip=${skip}`, { key });
      expect(status).toBe(200);
      const page = body[items] as Record<string, string>[];
      if (page.length > 1) expect(lambdaBytes(body)).toBeLessThan(6_000_000);
      expect(page.length).toBeGreaterThan(0);
      seen.push(...page.map((item) => String(item[identity])));
      more = body.pagination?.hasMore ?? false;
      if (more) expect(page).toHaveLength(body.pagination.limit);
      skip += page.length;
      if (!more && body.pagination) expect(body.pagination.total).toBe(skip);
    }
    expect(seen.length).toBeGreaterThanOrEqual(least);
    expect(new Set(seen).size).toBe(seen.length);
  }
});

test("a page of messages that are too large together says where the next page starts", async () => {
  const { body } = await api.request("GET", `/api/instances/${id}/chats/${chat}/messages?limit=8`, { key });
  expect(body.messages.map((one: { messageId: string }) => one.messageId)).toEqual(["WA7", "WA6"]);
  expect(body.pagination).toEqual({ total: 8, limit: 2, skip: 0, hasMore: true });
});

test("the event feed has pages of limited size and contains each event once", async () => {
  const seen: number[] = [];
  for (let since = 0, more = true; more; ) {
    const { status, body } = await api.request("GET", `/api/instances/${id}/events?limit=1000&since=${since}`, { key });
    expect(status).toBe(200);
    expect(lambdaBytes(body)).toBeLessThan(6_000_000);
    expect(body.events.length).toBeGreaterThan(0);
    seen.push(...body.events.map((event: { sequence: number }) => event.sequence));
    ({ nextSince: since, hasMore: more } = body);
  }
  expect(seen).toEqual(seen.map((_, index) => index + 1));
  expect(seen.length).toBeGreaterThanOrEqual(4);
});

test("an instance of a user with too many large instances for one response is refused with a code", async () => {
  const { key: other } = await api.user();
  const first = await api.instance(other);
  await api.db.sql`
    insert into instances (id, user_id, name, shard, dialect, description, webhook_url)
    select gen_random_uuid(), user_id, name, shard, dialect, ${"\u0001".repeat(2_000)}, webhook_url
    from instances, generate_series(1, 600) where id = ${first}`;
  const answer = await api.request("GET", "/api/instances", { key: other });
  expect(answer).toMatchObject({ status: 501, body: { code: "not_supported" } });
});
