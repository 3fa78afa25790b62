import { readFile } from "node:fs/promises";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDatabase } from "../../../core/db/index.ts";
import { migrate } from "../../../core/db/migrate.ts";
import { systemIds } from "../../../core/id.ts";
import { indexOldMessages } from "../../../core/message/search/backfill.ts";
import { keyOf, searchMessages } from "../../../core/message/search/index.ts";
import { fold, highlightsOf, matchModes, wordsOf } from "../../../core/message/search/words.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";
import { randomOf } from "../../support/random.ts";

let api: TestApi;
let key: string;
let id: string;
let second: string;
const chat = "6281234567890@s.whatsapp.net";
const group = "120363000000000001@g.us";

interface Text {
  body: string;
  chat?: string;
  fromMe?: boolean;
  instance?: string;
  deleted?: boolean;
}

let count = 0;
async function add({
  body,
  chat: place = chat,
  fromMe = false,
  instance = id,
  deleted = false,
}: Text): Promise<string> {
  const at = new Date(Date.UTC(2023, 0, 1, 0, 0, count++));
  const waId = `WA${count}`;
  await api.db.sql`
    insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, type, proto_type, body, status, sent_at, deleted_at)
    values (${systemIds.uuid()}, ${instance}, ${waId}, ${place}, ${fromMe}, ${fromMe ? "" : chat}, 'text', 'conversation', ${body},
      'received', ${at}, ${deleted ? at : null})`;
  return waId;
}

const find = async (query: Record<string, string>, as = `/${id}`, asKey = key) => {
  const path = `/api/message/search${as}?${new URLSearchParams(query)}`;
  return (await api.request("GET", path, { key: asKey })).body;
};
const bodies = async (query: Record<string, string>, as?: string, asKey?: string) =>
  (await find(query, as, asKey)).data.map(({ body }: { body: string }) => body);

beforeAll(async () => {
  api = await startApi();
  ({ key } = await api.user());
  id = await api.instance(key);
  second = await api.instance(key);
}, 60_000);
afterAll(() => api?.stop());

describe("the words of a text", () => {
  const samples = [
    "Hello, wörld! Don't e-mail me@example.com",
    "Заказ №12 готов, ещё ёлка и йогурт",
    "한국어 메시지입니다 안녕",
    "한국어".normalize("NFD"),
    "İstanbul ẞtraße ΣΊΣΥΦΟΣ ﬁne Ｆｕｌｌ x² ½",
    "が東京タワー・です",
    "x 🎉🎉 привет🎉👍🏽 ❤️",
    "مُحَمَّد שָׁלוֹם हिन्दी ไทย",
    `${"a".repeat(100)} \u0001\u007f'\\":*&|!()`,
  ];

  test.each(samples)("are the same for the index and for a query: %s", async (text) => {
    const [row] = await api.db.sql<{ fold: string; words: string[] }[]>`
      select search_fold(${text}) as fold, search_words(${text}) as words`;
    expect(row?.fold).toBe(fold(text));
    expect(row?.words.toSorted()).toEqual(wordsOf(text).toSorted());
  });

  test("are the same for random texts", async () => {
    const random = randomOf(20261130);
    // Scripts that change, because newer letters differ between the versions of Unicode.
    const ranges = [
      [0x20, 0x250],
      [0x370, 0x3ff],
      [0x400, 0x4ff],
      [0x5d0, 0x65f],
      [0x1100, 0x11ff],
      [0xac00, 0xd7a3],
      [0x3040, 0x30ff],
      [0x1f300, 0x1f5ff],
      [0x300, 0x36f],
    ] as const;
    const letter = () => {
      const [from, to] = ranges[Math.floor(random() * ranges.length)] ?? [0x20, 0x7e];
      return String.fromCodePoint(from + Math.floor(random() * (to - from)));
    };
    const texts = Array.from({ length: 400 }, () => Array.from({ length: 30 }, letter).join(""));
    const rows = await api.db.sql<{ text: string; fold: string; words: string[] }[]>`
      select text, search_fold(text) as fold, search_words(text) as words from unnest(${texts}::text[]) text`;
    for (const row of rows) {
      expect(row.fold, JSON.stringify(row.text)).toBe(fold(row.text));
      expect(row.words.toSorted()).toEqual(wordsOf(row.text).toSorted());
    }
  });

  test("have the key of their instance in the index", async () => {
    const [row] = await api.db.sql<{ key: string }[]>`select search_key(${id}::uuid) as key`;
    expect(row?.key).toBe(keyOf(id));
  });
});

describe("the search", () => {
  const texts = [
    "Invoice for Müller",
    "Заказы готовы",
    "오늘 회의입니다",
    "internationalization",
    "Call me 🎉",
    "naïve CAFÉ",
  ];
  beforeAll(async () => {
    for (const body of texts) await add({ body });
    await add({ body: "Invoice deleted", deleted: true });
    await add({ body: "Invoice of the second", instance: second });
    await add({ body: "Invoice from us", fromMe: true, chat: group });
  });

  test.each([
    ["invoice", "prefix", ["Invoice from us", "Invoice for Müller"]],
    ["INVOICE muller", "prefix", ["Invoice for Müller"]],
    ["muller invoice", "word", ["Invoice for Müller"]],
    ["voice", "prefix", []],
    ["voice", "contains", ["Invoice from us", "Invoice for Müller"]],
    ["invo", "word", []],
    ["заказ", "prefix", ["Заказы готовы"]],
    ["ГОТОВ", "prefix", ["Заказы готовы"]],
    ["회의", "prefix", ["오늘 회의입니다"]],
    ["니다", "contains", ["오늘 회의입니다"]],
    ["다", "contains", ["오늘 회의입니다"]],
    ["internationalization", "word", ["internationalization"]],
    ["internationalisation", "prefix", []],
    ["nationali", "contains", ["internationalization"]],
    ["nationalx", "contains", []],
    ["interna lization", "contains", ["internationalization"]],
    ["🎉", "prefix", ["Call me 🎉"]],
    ["cafe naive", "prefix", ["naïve CAFÉ"]],
    ["c", "prefix", ["naïve CAFÉ", "Call me 🎉"]],
    ["it's:* & | ! invoice", "prefix", []],
    ["nothing", "prefix", []],
  ])("finds the messages with %s (%s)", async (q, match, expected) => {
    expect(await bodies({ q, match })).toEqual(expected);
  });

  test.each([
    [{ q: "invoice", fromMe: "false" }, ["Invoice for Müller"]],
    [{ q: "invoice", chatId: group }, ["Invoice from us"]],
    [{ q: "invoice", chatId: "+62 812-3456-7890" }, ["Invoice for Müller"]],
    [{ q: "invoice", hasMedia: "true" }, []],
    [{ q: "invoice", type: "text", status: "received", sender: chat }, ["Invoice for Müller"]],
    [{ q: "invoice", endDate: "2022-12-31" }, []],
    [{ q: "invoice", startDate: "2023-01-01", endDate: "2023-01-01" }, ["Invoice from us", "Invoice for Müller"]],
  ])("filters: %j", async (query, expected) => expect(await bodies(query)).toEqual(expected));

  test("finds the messages of all instances of the user, and of no other user", async () => {
    expect(await bodies({ q: "invoice" }, "")).toEqual([
      "Invoice from us",
      "Invoice of the second",
      "Invoice for Müller",
    ]);
    const other = await api.user();
    await api.instance(other.key);
    expect(await bodies({ q: "invoice" }, "", other.key)).toEqual([]);
  });

  test("says where the words are, and marks them in escaped text", async () => {
    await add({ body: `${"x ".repeat(100)}<b>Straße</b> & STRASSE "strassenbahn" 🎉` });
    const { data } = await find({ q: "strasse", markStart: "<mark>", markEnd: "</mark>" });
    const { body, highlights, excerpt } = data[0];
    const found = highlights.map(({ start, length }: { start: number; length: number }) =>
      body.slice(start, start + length),
    );
    expect(found).toEqual(["Straße", "STRASSE", "strasse"]);
    expect(excerpt).toMatch(
      /^… ?(?:x )+&lt;b&gt;<mark>Straße<\/mark>&lt;\/b&gt; &amp; <mark>STRASSE<\/mark> &quot;<mark>strasse<\/mark>nbahn&quot; 🎉$/,
    );
    expect((await find({ q: "strasse" })).data[0].excerpt).toBeNull();
  });

  test("pages with a cursor through messages of the same second, while messages arrive", async () => {
    const place = "6289999999999@s.whatsapp.net";
    const ids = Array.from({ length: 25 }, () => systemIds.uuid()).sort();
    await api.db.sql`
      insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, body, status, sent_at)
      select n, ${id}, n::text, ${place}, false, 'text', 'conversation', 'pagination', 'received', '2023-02-01T00:00:00.123456Z'
      from unnest(${ids}::uuid[]) n`;
    const seen: string[] = [];
    for (let cursor: string | undefined, page = 0; page < 5; page++) {
      const { data, nextCursor } = await find({ q: "paginat", limit: "10", ...(cursor && { cursor }) });
      seen.push(...data.map((one: { messageId: string }) => one.messageId));
      if (page === 0) await add({ body: "pagination, but newer" });
      if (!nextCursor) break;
      cursor = nextCursor;
    }
    expect(seen.filter((one) => ids.includes(one))).toEqual(ids.toReversed());
  });

  test("does not find messages that were cleared with their chat", async () => {
    const place = "6280000000001@s.whatsapp.net";
    await add({ body: "clearance old", chat: place });
    await add({ body: "clearance new", chat: place });
    await api.db.sql`
      insert into chats (instance_id, chat_id, messages, unread, last_at, cleared_at)
      select ${id}, ${place}, 2, 0, max(sent_at), min(sent_at) from messages where instance_id = ${id} and chat_id = ${place}
      on conflict (instance_id, chat_id) do update set cleared_at = excluded.cleared_at`;
    expect(await bodies({ q: "clearance" })).toEqual(["clearance new"]);
  });

  test("follows edits and removals", async () => {
    const waId = await add({ body: "ephemeral" });
    expect(await bodies({ q: "ephemeral" })).toHaveLength(1);
    await api.db.sql`update messages set body = 'lasting' where instance_id = ${id} and wa_id = ${waId}`;
    expect(await bodies({ q: "ephemeral" })).toEqual([]);
    expect(await bodies({ q: "lasting" })).toHaveLength(1);
    await api.db.sql`update messages set body = '' where instance_id = ${id} and wa_id = ${waId}`;
    expect(await bodies({ q: "lasting" })).toEqual([]);
    await api.db.sql`delete from messages where instance_id = ${id} and wa_id = ${waId}`;
    const [left] = await api.db
      .sql`select count(*)::int as n from message_search where not exists (select from messages where id = message_id)`;
    expect(left).toEqual({ n: 0 });
  });

  test.each([
    {},
    { q: "" },
    { q: "...!" },
    { q: "a".repeat(201) },
    { q: "1 2 3 4 5 6 7 8 9 10 11" },
    { q: "a", match: "contains" },
    { q: "x", match: "regex" },
    { q: "x", cursor: "MSAy" },
    { q: "x", cursor: "%" },
    { q: "x", limit: "101" },
    { q: "x", chatId: "nobody" },
    { q: "x", fromMe: "1" },
    { q: "x\u0000" },
  ])("rejects %j", async (query) => {
    const path = `/api/message/search/${id}?${new URLSearchParams(query as Record<string, string>)}`;
    expect(await api.request("GET", path, { key })).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });

  test("ends with query_too_broad if it takes too long, and leaves no statement behind", async () => {
    const lock = await api.db.sql.reserve();
    try {
      await lock`begin`;
      await lock`lock table message_search in access exclusive mode`;
      const request = { text: "a", mode: "prefix", filters: {}, limit: 10, timeLimitMs: 100 } as const;
      await expect(searchMessages(api.db, [id], request)).rejects.toMatchObject({ code: "query_too_broad" });
      const [row] =
        await lock`select count(*)::int as n from pg_stat_activity where query like '%message_search%' and state = 'active' and pid <> pg_backend_pid()`;
      expect(row).toEqual({ n: 0 });
    } finally {
      await lock`rollback`;
      lock.release();
    }
  });
});

test("the text filter of the history finds words", async () => {
  const place = "6285550000001@s.whatsapp.net";
  for (const body of ["Où est l'Église?", "eglises", "école"]) await add({ body, chat: place });
  const { body } = await api.request("GET", `/api/message/chat/${id}/${place}?text=eglise`, { key });
  expect(body.data.map((one: { body: string }) => one.body)).toEqual(["eglises", "Où est l'Église?"]);
  expect(body.pagination.total).toBe(2);
});

test.each(matchModes)("highlights of hostile texts end soon and stay within the text (%s)", (mode) => {
  for (const text of [
    "a".repeat(65_000),
    "a ".repeat(32_000),
    "e\u0301".repeat(32_000),
    "\ud83c".repeat(1_000),
    "🎉".repeat(30_000),
  ]) {
    const highlights = highlightsOf(text, wordsOf("a aa é 🎉"), mode);
    expect(highlights.length).toBeLessThanOrEqual(100);
    for (const { start, length } of highlights) expect(start + length).toBeLessThanOrEqual(text.length);
  }
});

test("the messages of the previous version are indexed in slices, and the search says so meanwhile", async () => {
  await api.db.sql`create database before_search`;
  const url = new URL(api.databaseUrl);
  url.pathname = "/before_search";
  const old = postgres(url.href, { max: 2, onnotice: () => undefined });
  const db = openDatabase(url.href, { max: 2 });
  try {
    const folder = "core/db/migrations";
    const { entries } = JSON.parse(await readFile(`${folder}/meta/_journal.json`, "utf8")) as {
      entries: { tag: string; when: number }[];
    };
    await old`create schema drizzle`;
    await old`create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;
    for (const { tag, when } of entries.slice(
      0,
      entries.findIndex((entry) => entry.tag.endsWith("_search")),
    )) {
      await old.unsafe(await readFile(`${folder}/${tag}.sql`, "utf8"));
      await old`insert into drizzle.__drizzle_migrations (hash, created_at) values (${tag}, ${when})`;
    }
    const [user, instance] = [systemIds.uuid(), systemIds.uuid()];
    await old`insert into users (id, email, password_hash) values (${user}, 'a@example.com', '')`;
    await old`insert into instances (id, user_id, name, dialect, shard) values (${instance}, ${user}, 'Primary', 'gateway', 0)`;
    const insert = (first: number, last: number) => old`
      insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, body, status, sent_at)
      select gen_random_uuid(), ${instance}, n::text, 'c', false, 'text', 'conversation', case when n % 10 = 0 then '' else 'old ' || n end,
        'received', now() - n * interval '1 second' from generate_series(${first}::int, ${last}::int) n`;
    await insert(1, 450);
    await migrate(url.href, 1);
    await insert(451, 460);
    const search = () => searchMessages(db, [instance], { text: "old", mode: "word", filters: {}, limit: 1000 });
    expect(await search()).toMatchObject({ indexing: true, messages: { length: 9 } });
    // A budget of 0 allows one slice. Two processes work at the same time.
    await Promise.all([indexOldMessages({ db }, 0), indexOldMessages({ db }, 0)]);
    const [indexed] = await old<{ n: number }[]>`select count(*)::int as n from message_search`;
    expect(indexed?.n).toBeGreaterThan(9);
    await indexOldMessages({ db }, 60_000);
    await indexOldMessages({ db }, 60_000);
    expect(await search()).toMatchObject({ indexing: false, messages: { length: 414 } });
  } finally {
    await db.close();
    await old.end();
  }
});
