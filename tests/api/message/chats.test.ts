import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeCursor } from "../../../core/chat/cursor.ts";
import { type ChatsRequest, chatPage } from "../../../core/chat/index.ts";
import { systemIds } from "../../../core/id.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";
import { randomOf } from "../../support/random.ts";

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startApi();
  ({ key } = await api.user());
}, 60_000);
afterAll(() => api?.stop());

interface Row {
  chat: string;
  at: string;
  unread?: boolean;
}
const insert = async (instance: string, rows: readonly Row[]) => {
  const all = rows.map((row) => ({ id: systemIds.uuid(), unread: false, ...row }));
  await api.db.sql`
    insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, type, proto_type, body, status, sent_at, unread)
    select id, ${instance}, id, chat, false, chat, 'text', 'conversation', 'hello', 'received', at, unread
    from jsonb_to_recordset(${JSON.stringify(all)}::text::jsonb) as t(id uuid, chat text, at timestamptz, unread boolean)`;
};

describe("the list of chats", () => {
  let id: string;
  const person = (n: number) => `49155506000${n}@s.whatsapp.net`;
  const group = "120363000000000001@g.us";
  const channel = "120363000000000002@newsletter";
  const hidden = "900000000000001@lid";
  const cleared = person(9);
  /** Newest first. */
  const chats = [person(1), group, channel, person(2), hidden, person(3)];

  beforeAll(async () => {
    id = await api.instance(key, "connected");
    // Two chats have their newest message at the same time.
    const times = [9, 8, 7, 7, 6, 5];
    await insert(id, [
      ...chats.map((chat, index) => ({ chat, at: `2023-01-0${times[index]}T12:00:00Z`, unread: chat === group })),
      { chat: "status@broadcast", at: "2023-01-09T13:00:00Z" },
      { chat: cleared, at: "2023-01-09T14:00:00Z" },
    ]);
    const set = (chat: string, values: Record<string, unknown>) =>
      api.db.sql`update chats set ${api.db.sql(values)} where instance_id = ${id} and chat_id = ${chat}`;
    await set(person(3), { pinned_at: new Date("2023-02-01") });
    await set(channel, { pinned_at: new Date("2023-02-02") });
    await api.db.sql`
      update chats set archived = true, muted_until = 'infinity' where instance_id = ${id} and chat_id = ${group}`;
    await set(person(2), { marked_unread: true, muted_until: new Date("2023-01-01") });
    await set(cleared, { cleared_at: new Date("2023-01-09T14:00:00Z") });
    await api.db.sql`
      insert into contacts (instance_id, jid, lid, is_group, name, push_name) values
        (${id}, ${person(1)}, '900000000000009@lid', false, 'Ann Müller', null),
        (${id}, ${hidden}, ${hidden}, false, null, 'Secret'), (${id}, ${group}, null, true, 'The Müllers', null)`;
    await api.db.sql`
      insert into label_targets (instance_id, label_id, chat_id) values
        (${id}, '7', '900000000000009@lid'), (${id}, '7', ${group}), (${id}, '8', ${person(2)})`;
  }, 30_000);

  const ask = async (query: string) => (await api.request("GET", `/api/instances/${id}/chats?${query}`, { key })).body;
  const ids = async (query: string) => (await ask(query)).chats.map((chat: { id: string }) => chat.id);

  test.each([
    ["", chats],
    ["archived=true", [group]],
    ["archived=false", chats.filter((chat) => chat !== group)],
    ["pinned=true", [channel, person(3)]],
    ["pinned=false&type=person", [person(1), person(2), hidden]],
    ["muted=true", [group]],
    ["muted=false", chats.filter((chat) => chat !== group)],
    ["unread=true", [group, person(2)]],
    ["unread=false", [person(1), channel, hidden, person(3)]],
    ["type=group", [group]],
    ["type=channel", [channel]],
    ["type=person", [person(1), person(2), hidden, person(3)]],
    ["search=m%C3%BCLLER", [person(1), group]],
    ["search=secret", [hidden]],
    ["search=%2B49+1555+0600-02", [person(2)]],
    ["search=nobody", []],
    ["labelId=7", [person(1), group]],
    ["labelId=8&unread=true", [person(2)]],
    ["labelId=9", []],
    ["pinnedFirst=true", [channel, person(3), person(1), group, person(2), hidden]],
  ])("?%s selects and orders the chats, and counts them", async (query, expected) => {
    const { chats: shown, pagination, nextCursor } = await ask(query);
    expect(shown.map((chat: { id: string }) => chat.id)).toEqual(expected);
    expect(pagination).toMatchObject({ total: expected.length, hasMore: false });
    expect(nextCursor).toBeNull();
  });

  test("shows the state of a chat", async () => {
    const [shown] = (await ask("type=group")).chats;
    expect(shown).toEqual({
      ...{ id: group, name: "The Müllers", isGroup: true, messageCount: 1, unreadCount: 1, markedUnread: false },
      ...{ archived: true, pinned: false, pinnedAt: null, muted: true, mutedUntil: null, ephemeral: null },
      lastMessage: {
        ...{ messageId: shown.lastMessage.messageId, fromMe: false, type: "text", body: "hello", status: "received" },
        timestamp: "2023-01-08T12:00:00.000Z",
      },
    });
  });

  test.each(["", "pinnedFirst=true", "pinned=false"])(
    "?%s has the same chats in pages by cursor, of any size",
    async (query) => {
      const all = await ids(query);
      for (const limit of [1, 2, 5]) {
        const seen: string[] = [];
        let cursor = "";
        do {
          const { chats: shown, pagination, nextCursor } = await ask(`${query}&limit=${limit}${cursor}`);
          seen.push(...shown.map((chat: { id: string }) => chat.id));
          expect(pagination).toMatchObject({ total: all.length, hasMore: nextCursor !== null });
          cursor = nextCursor ? `&cursor=${nextCursor}` : "";
        } while (cursor);
        expect(seen).toEqual(all);
      }
    },
  );

  test("a new message doesn't shift the pages of a cursor", async () => {
    const { nextCursor } = await ask("limit=2");
    await insert(id, [{ chat: person(3), at: "2023-01-10T12:00:00Z" }]);
    expect(await ids(`limit=2&cursor=${nextCursor}`)).toEqual([channel, person(2)]);
    await api.db.sql`delete from messages where instance_id = ${id} and sent_at = '2023-01-10T12:00:00Z'`;
    expect(await ids("")).toEqual(chats);
  });

  test.each(["cursor=x", "cursor=WzAsIngiLCJ5Il0", "cursor=W10&skip=1", "skip=1&cursor=x"])(
    "refuses ?%s",
    async (query) => {
      expect((await api.request("GET", `/api/instances/${id}/chats?${query}`, { key })).status).toBe(400);
    },
  );
});

test("the counts of a chat equal its messages after any changes", async () => {
  const id = await api.instance(key, "connected");
  const { sql } = api.db;
  const random = randomOf(7);
  const pick = (n: number) => Math.floor(random() * n);
  const chat = () => `4915550700${10 + pick(3)}@s.whatsapp.net`;
  const time = () => new Date(Date.UTC(2023, 0, 1 + pick(20), pick(24))).toISOString();
  for (let step = 0; step < 60; step++) {
    const some = sql`select id from messages where instance_id = ${id} order by md5(id::text || ${step}) limit ${1 + pick(4)}`;
    const kind = pick(5);
    if (kind <= 1)
      await insert(
        id,
        Array.from({ length: 1 + pick(5) }, () => ({ chat: chat(), at: time(), unread: pick(2) === 1 })),
      );
    else if (kind === 2) await sql`delete from messages where id in (${some})`;
    else if (kind === 3) await sql`update messages set sent_at = ${time()} where id in (${some})`;
    else await sql`update messages set chat_id = ${chat()} where id in (${some})`;
    const counted = await sql`
      select chat_id, messages, unread, last_at from chats where instance_id = ${id} and messages <> 0 order by chat_id`;
    const actual = await sql`
      select chat_id, count(*)::int as messages, (count(*) filter (where unread))::int as unread, max(sent_at) as last_at
      from messages where instance_id = ${id} group by chat_id order by chat_id`;
    expect([...counted], `step ${step}`).toEqual([...actual]);
  }
});

describe("with 100,000 chats", () => {
  let id: string;
  beforeAll(async () => {
    id = await api.instance(key, "connected");
    await api.db.sql`
      insert into chats (instance_id, chat_id, messages, unread, last_at, pinned_at)
      select ${id}, (491550000000 + n) || '@s.whatsapp.net', 1, (n % 100 = 0)::int, '2023-01-01'::timestamptz + n * interval '1 s',
        case when n <= 3 then now() end
      from generate_series(1, 100000) n`;
    await api.db.sql`analyze chats`;
  }, 60_000);

  /** Returns the number of rows of `chats` that a page reads. */
  async function costOf(request: Partial<ChatsRequest>) {
    const page = chatPage(api.db, id, { limit: 50, skip: 0, ...request });
    const [row] = await api.db.sql`explain (analyze, format json) ${page}`;
    let rows = 0;
    const walk = (plan: Plan) => {
      const removed = (plan["Rows Removed by Filter"] ?? 0) + plan["Actual Rows"];
      if (plan["Relation Name"] === "chats") rows += removed * plan["Actual Loops"];
      for (const child of plan.Plans ?? []) walk(child);
    };
    walk(row?.["QUERY PLAN"][0].Plan);
    return rows;
  }

  test.each([
    ["the first page", {}],
    ["pinned chats first", { pinnedFirst: true }],
    ["the page after a cursor", { cursor: encodeCursor({ rank: 0, lastAt: "2023-01-01 12:00:00+00", chatId: "x" }) }],
    ["chats that are not archived", { archived: false }],
    ["pinned chats", { pinned: true }],
    ["archived chats", { archived: true }],
    ["muted chats", { muted: true }],
    ["unread chats", { unread: true }],
    ["chats with a label", { label: "7" }],
  ])("%s read few rows", async (_, request) => {
    expect(await costOf(request)).toBeLessThan(200);
  });
});

interface Plan {
  "Actual Rows": number;
  "Actual Loops": number;
  "Relation Name"?: string;
  "Rows Removed by Filter"?: number;
  Plans?: Plan[];
}
