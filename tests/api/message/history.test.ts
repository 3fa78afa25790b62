import { readFile } from "node:fs/promises";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { recordActivity } from "../../../core/activity/index.ts";
import { migrate } from "../../../core/db/migrate.ts";
import { systemIds } from "../../../core/id.ts";
import { shownContext } from "../../../core/message/context-fields.ts";
import { readHistory } from "../../../core/message/history.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";
import { randomOf } from "../../support/random.ts";

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startApi();
  ({ key } = await api.user());
}, 60_000);
afterAll(() => api?.stop());

/** The fields that are not documented, for a message to which nobody did anything. */
const untouched = { messageContent: null, deletedAt: null, reactions: [], pinned: null, kept: false };

describe("the history of a chat", () => {
  const file = { mimetype: "image/png", filename: null, size: 3, sha256: "ab", state: "failed", error: "gone" };
  const media = { ...file, storageKey: "media/x/y", source: null };
  let id: string;
  const chat = "6281234567890@s.whatsapp.net";
  beforeAll(async () => {
    id = await api.instance(key, "connected");
    for (let day = 1; day <= 9; day++) {
      await api.db.sql`
        insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, push_name, type, proto_type, body, media, status, sent_at)
        values (${systemIds.uuid()}, ${id}, ${`WA${day}`}, ${chat}, ${day % 2 === 0}, ${day % 2 ? chat : ""}, ${day % 2 ? "Ann" : null},
          ${day === 9 ? "image" : "text"}, 'conversation', ${`day ${day}`}, ${day === 9 ? JSON.stringify(media) : null}::text::jsonb,
          ${day % 2 ? "received" : "read"}, ${`2023-01-0${day}T12:00:00.000Z`}::timestamptz)`;
    }
  }, 30_000);
  const readPage = async (query = "", as = chat) => {
    const path = `/api/instances/${id}/chats/${encodeURIComponent(as)}/messages?${query}`;
    const { body } = await api.request("GET", path, { key });
    return { ids: body.messages.map((one: { messageId: string }) => one.messageId).join(), ...body.pagination };
  };

  test("is listed as documented, the newest first", async () => {
    const { body } = await api.request("GET", `/api/instances/${id}/chats/${chat}/messages?limit=2`, { key });
    expect(body.messages).toEqual([
      {
        id: body.messages[0].id,
        instanceId: id,
        remoteJid: chat,
        fromMe: false,
        messageType: "image",
        content: "day 9",
        messageId: "WA9",
        hasMedia: true,
        media: file,
        status: "received",
        createdAt: "2023-01-09T12:00:00.000Z",
        editedAt: null,
        deleted: false,
        ...untouched,
        quotedMessageId: null,
        mentions: [],
        quotedMessage: null,
        context: shownContext({}),
        unreadable: null,
        waitingFor: null,
      },
      expect.objectContaining({ fromMe: true, messageType: "text", messageId: "WA8", hasMedia: false, status: "read" }),
    ]);
    const inGateway = await api.request("GET", `/api/message/chat/${id}/${chat}?limit=1`, { key });
    expect(inGateway.body).toMatchObject({
      success: true,
      data: [
        { messageId: "WA9", chatId: chat, from: chat, pushName: "Ann", body: "day 9", hasMedia: true, media: file },
      ],
      pagination: { total: 9, limit: 1, skip: 0, hasMore: true },
    });
  });

  test("is paged and filtered by time with correct totals", async () => {
    expect(await readPage()).toEqual({
      ids: "WA9,WA8,WA7,WA6,WA5,WA4,WA3,WA2,WA1",
      total: 9,
      limit: 50,
      skip: 0,
      hasMore: false,
    });
    expect(await readPage("limit=3&skip=3")).toEqual({
      ids: "WA6,WA5,WA4",
      total: 9,
      limit: 3,
      skip: 3,
      hasMore: true,
    });
    expect(await readPage("limit=3&skip=6")).toMatchObject({ ids: "WA3,WA2,WA1", hasMore: false });
    expect(await readPage("skip=100")).toMatchObject({ ids: "", total: 9, hasMore: false });
    expect(await readPage("startDate=2023-01-04&endDate=2023-01-05")).toMatchObject({ ids: "WA5,WA4", total: 2 });
    expect(await readPage("endDate=2023-01-02T11:59:59.999Z")).toMatchObject({ ids: "WA1", total: 1 });
  });

  test.each([
    ["fromMe=false", "WA9,WA7,WA5,WA3,WA1"],
    ["fromMe=true", "WA8,WA6,WA4,WA2"],
    ["fromMe=true&limit=2&skip=1", "WA6,WA4", { total: 4, limit: 2, skip: 1, hasMore: true }],
    ["type=image", "WA9"],
    ["type=video,%20image", "WA9"],
    ["type=poll", ""],
    ["hasMedia=true", "WA9"],
    ["hasMedia=false&fromMe=false", "WA7,WA5,WA3,WA1"],
    ["status=read&startDate=2023-01-03&endDate=2023-01-06", "WA6,WA4"],
    ["status=read,received&endDate=2023-01-02", "WA2,WA1"],
    ["sender=%2B62+812-3456-7890&skip=4", "WA1", { total: 5, limit: 50, skip: 4, hasMore: false }],
    ["sender=100200300@lid", "WA9,WA7,WA5,WA3,WA1"],
    ["sender=6280000000000", ""],
  ])(
    "is filtered by %s in both APIs",
    async (query, ids, pagination: object = { total: ids ? ids.split(",").length : 0 }) => {
      await api.db.sql`
      insert into contacts (instance_id, jid, lid) values (${id}, ${chat}, '100200300@lid') on conflict do nothing`;
      expect(await readPage(query)).toMatchObject({ ids, ...pagination });
      const inGateway = await api.request("GET", `/api/message/chat/${id}/${chat}?${query}`, { key });
      expect(inGateway.body.data.map((one: { messageId: string }) => one.messageId).join()).toBe(ids);
      expect(inGateway.body.pagination).toMatchObject(pagination);
    },
  );

  test("with filters ends with query_too_broad if a statement takes too long", async () => {
    const lock = await api.db.sql.reserve();
    try {
      await lock`begin`;
      await lock`lock table messages in access exclusive mode`;
      const page = { limit: 1, skip: 0, filters: { fromMe: true }, timeLimitMs: 100 };
      await expect(readHistory(api.db, id, chat, page)).rejects.toMatchObject({ code: "query_too_broad" });
    } finally {
      await lock`rollback`;
      lock.release();
    }
  });

  test.each([
    "6281234567890",
    "+62 812-3456-7890",
    "006281234567890",
    "6281234567890@c.us",
    "6281234567890:3@s.whatsapp.net",
  ])("is found under the spelling %s", async (spelling) => expect((await readPage("", spelling)).total).toBe(9));

  test.each([
    "limit=0",
    "limit=1001",
    "limit=x",
    "limit=-1",
    "skip=-1",
    "skip=1e9",
    "startDate=yesterday",
    "endDate=2023-13-01",
    "fromMe=yes",
    "fromMe=",
    "hasMedia=1",
    "type=",
    "type=image,",
    "type=a%20b",
    `type=${Array(21).fill("text")}`,
    "status=gone",
    "sender=nobody",
    "sender=%00",
  ])("rejects %s", async (query) => {
    const answer = await api.request("GET", `/api/instances/${id}/chats/${chat}/messages?${query}`, { key });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });

  test("does not show messages of another instance or chat", async () => {
    expect((await readPage("", "6280000000000")).total).toBe(0);
    const other = await api.instance(key);
    const answer = await api.request("GET", `/api/instances/${other}/chats/${chat}/messages`, { key });
    expect(answer.body.pagination.total).toBe(0);
  });
});

describe("the activity log", () => {
  test("is paged from the newest to the oldest and filtered by action and time with correct totals", async () => {
    const id = await api.instance(key);
    await api.db.sql`delete from activities where instance_id = ${id}`;
    for (let day = 1; day <= 6; day++) {
      const clock = { now: () => new Date(`2023-01-0${day}T12:00:00.000Z`) };
      const action = day % 2 ? "connection_opened" : "connection_closed";
      await recordActivity({ ...api.deps, orm: api.db.orm, clock }, id, action, { day });
    }
    const readPage = async (query: string) => {
      const { body } = await api.request("GET", `/api/instances/${id}/activity?${query}`, { key });
      return { days: body.logs.map((log: { details: { day: number } }) => log.details.day), ...body.pagination };
    };
    expect(await readPage("")).toEqual({ days: [6, 5, 4, 3, 2, 1], total: 6, limit: 100, skip: 0, hasMore: false });
    expect(await readPage("limit=2&skip=2")).toEqual({ days: [4, 3], total: 6, limit: 2, skip: 2, hasMore: true });
    expect(await readPage("limit=2&skip=4")).toMatchObject({ days: [2, 1], hasMore: false });
    expect(await readPage("actions=connection_opened")).toMatchObject({ days: [5, 3, 1], total: 3 });
    expect(await readPage("actions=connection_opened,%20connection_closed")).toMatchObject({ total: 6 });
    expect(await readPage("actions=nothing")).toMatchObject({ days: [], total: 0 });
    expect(await readPage("startDate=2023-01-03T12:00:00Z&endDate=2023-01-04T12:00:00Z")).toMatchObject({
      days: [4, 3],
    });
    expect(await readPage("startDate=2023-01-02&endDate=2023-01-02")).toMatchObject({ days: [2] });
    expect(await readPage("startDate=2023-01-03T14:00:00%2B02:00&endDate=2023-01-03T12:00:00")).toMatchObject({
      days: [3],
    });
  });

  test("ignores an activity of a deleted instance", async () => {
    const id = await api.instance(key);
    await api.db.sql`delete from instances where id = ${id}`;
    await recordActivity({ ...api.deps, orm: api.db.orm }, id, "connection_opened");
  });
});

describe("the total of a chat's history", () => {
  const random = randomOf(20261121);
  const pick = (count: number) => Math.floor(random() * count);
  const chats = ["4915550000001@s.whatsapp.net", "4915550000002@s.whatsapp.net", "120363000000000001@g.us"];
  const start = Date.parse("2026-03-27T00:00:00Z");
  const hours = 60 * 60 * 1000;
  /** Returns a random time within five days, often exactly at midnight. */
  const instant = () => new Date(start + (pick(4) === 0 ? pick(6) * 24 : pick(120 * 60) / 60) * hours);

  const wrongTotals = async (id: string) => {
    const found: unknown[] = [];
    for (let round = 0; round < 60; round++) {
      const chat = chats[pick(chats.length)] ?? "";
      const from = pick(3) ? instant() : undefined;
      const before = pick(3) ? instant() : undefined;
      const [row] = await api.db.sql`
        select count(*)::int as total from messages where instance_id = ${id} and chat_id = ${chat}
          and sent_at >= ${from?.toISOString() ?? "-infinity"}::text::timestamptz
          and sent_at < ${before?.toISOString() ?? "infinity"}::text::timestamptz`;
      const { pagination } = await readHistory(api.db, id, chat, { limit: 1, skip: 0, from, before });
      if (pagination.total !== row?.total) found.push({ chat, from, before, total: pagination.total, counted: row });
    }
    return found;
  };

  test("equals a count after any writes, moves and removals, for any range", async () => {
    const id = await api.instance(key);
    for (let round = 0; round < 6; round++) {
      const rows = Array.from({ length: 40 }, () => ({ chat: chats[pick(3)] ?? "", at: instant().toISOString() }));
      await api.db.sql`
        insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, status, sent_at)
        select gen_random_uuid(), ${id}, gen_random_uuid(), chat, false, 'text', 'conversation', 'received', at
        from unnest(${rows.map((row) => row.chat)}::text[], ${rows.map((row) => row.at)}::timestamptz[]) as t(chat, at)`;
      await api.db.sql`
        update messages set sent_at = ${instant().toISOString()}, chat_id = ${chats[pick(3)] ?? ""}
        where id in (select id from messages where instance_id = ${id} order by id limit ${pick(20)})`;
      await api.db.sql`
        update messages set sent_at = date_trunc('second', sent_at), status = 'read'
        where id in (select id from messages where instance_id = ${id} order by wa_id limit ${pick(20)})`;
      await api.db.sql`
        delete from messages
        where id in (select id from messages where instance_id = ${id} order by id desc limit ${pick(20)})`;
      expect(await wrongTotals(id)).toEqual([]);
    }
    const [empty] = await api.db.sql`select min(messages) as least from message_days where instance_id = ${id}`;
    expect(empty?.least).toBeGreaterThanOrEqual(0);
    await api.db.sql`delete from instances where id = ${id}`;
    expect(await api.db.sql`select 1 from message_days where instance_id = ${id}`).toEqual([]);
  });

  test("is correct on every page, and pages count from the newest", async () => {
    const id = await api.instance(key);
    const chat = chats[0] ?? "";
    await api.db.sql`
      insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, status, sent_at)
      select gen_random_uuid(), ${id}, n::text, ${chat}, false, 'text', 'conversation', 'received',
        ${new Date(start).toISOString()}::timestamptz + (n * n % 7200) * interval '1 minute'
      from generate_series(1, 3000) n`;
    for (let round = 0; round < 80; round++) {
      const page = {
        limit: 3,
        skip: pick(3200),
        from: pick(3) ? undefined : instant(),
        before: pick(2) ? undefined : instant(),
      };
      const expected = await api.db.sql`
        select id from messages where instance_id = ${id} and chat_id = ${chat}
          and sent_at >= ${page.from?.toISOString() ?? "-infinity"}::text::timestamptz
          and sent_at < ${page.before?.toISOString() ?? "infinity"}::text::timestamptz
        order by sent_at desc, id desc limit 3 offset ${page.skip}`;
      const { messages } = await readHistory(api.db, id, chat, page);
      expect(
        messages.map((message) => message.id),
        JSON.stringify(page),
      ).toEqual(expected.map((row) => row.id));
    }
    expect(await wrongTotals(id)).toEqual([]);
  });

  test("is correct for the earliest and latest valid dates", async () => {
    const id = await api.instance(key);
    const path = `/api/instances/${id}/chats/${chats[0]}/messages`;
    for (const query of ["startDate=0000-01-01", "endDate=9999-12-31", "startDate=9999-12-31", "endDate=0000-01-01"]) {
      expect((await api.request("GET", `${path}?${query}`, { key })).body.pagination).toMatchObject({ total: 0 });
    }
  });
});

test("a migration moves the reactions of the previous version from the messages", async () => {
  await api.db.sql`create database before_reactions`;
  const url = new URL(api.databaseUrl);
  url.pathname = "/before_reactions";
  const old = postgres(url.href, { max: 1, onnotice: () => undefined });
  try {
    const folder = "core/db/migrations";
    const { entries } = JSON.parse(await readFile(`${folder}/meta/_journal.json`, "utf8")) as {
      entries: { tag: string; when: number }[];
    };
    await old`create schema drizzle`;
    await old`create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;
    for (const { tag, when } of entries.slice(
      0,
      entries.findIndex(({ tag }) => tag.endsWith("_reactions")),
    )) {
      await old.unsafe(await readFile(`${folder}/${tag}.sql`, "utf8"));
      await old`insert into drizzle.__drizzle_migrations (hash, created_at) values (${tag}, ${when})`;
    }
    const [user, id] = [systemIds.uuid(), systemIds.uuid()];
    await old`insert into users (id, email, password_hash) values (${user}, 'a@example.com', '')`;
    await old`
      insert into instances (id, user_id, name, dialect, shard) values (${id}, ${user}, 'Primary', 'multi-instance', 0)`;
    const rows = [
      ["WA1", "b", "text", "hello", null],
      ["WA2", "b", "reaction", "👍", "WA1"],
      ["WA3", "b", "reaction", "🎉", "WA1"],
      ["WA4", "", "reaction", "", "WA1"],
      ["WA5", "b", "reaction", "?", null],
    ] as const;
    for (const [index, [waId, sender, type, body, to]] of rows.entries()) {
      await old`
        insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, type, proto_type, body, context, status, sent_at)
        values (${systemIds.uuid()}, ${id}, ${waId}, 'c', ${sender === ""}, ${sender}, ${type}, ${type}, ${body},
          ${to && JSON.stringify({ reactionTo: to })}::text::jsonb, 'received', ${`2026-01-01T00:00:0${index}Z`})`;
    }
    await migrate(url.href, 1);
    expect(await old`select wa_id, sender_id, emoji from reactions order by sender_id`).toEqual([
      { wa_id: "WA1", sender_id: "", emoji: "" },
      { wa_id: "WA1", sender_id: "b", emoji: "🎉" },
    ]);
    expect(await old`select wa_id from messages order by wa_id`).toEqual([{ wa_id: "WA1" }, { wa_id: "WA5" }]);
    expect(await old`select messages from message_days`).toEqual([{ messages: 2 }]);
  } finally {
    await old.end();
  }
});
