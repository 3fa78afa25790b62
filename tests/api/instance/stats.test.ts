import { readFile } from "node:fs/promises";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { migrate } from "../../../core/db/migrate.ts";
import { appendEvents, type EventRow } from "../../../core/event/append.ts";
import { systemIds } from "../../../core/id.ts";
import { instanceUsage, type Period } from "../../../core/usage/index.ts";
import { rollUpUsage } from "../../../core/usage/roll-up.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";
import { until } from "../../support/until.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
}, 60_000);
afterAll(() => api?.stop());

const media = { mimetype: null, filename: null, size: 1000, sha256: null, storageKey: "key" };
const content = {
  ...{ messageId: "WA", chatId: "c", type: "text", protoType: "conversation", body: "", timestamp: 0, media: null },
  ...{ quoted: null, mentions: [] },
};
const events = {
  sent: { type: "message.sent", data: { ...content, source: "api" } },
  sentMedia: { type: "message.sent", data: { ...content, media, source: "api" } },
  sentByPhone: { type: "message.sent", data: { ...content, media, source: "phone" } },
  received: {
    type: "message.received",
    data: { ...content, senderId: "s", senderLid: null, pushName: null, isGroup: false, to: null },
  },
  receivedMedia: {
    type: "message.received",
    data: { ...content, media, senderId: "s", senderLid: null, pushName: null, isGroup: false, to: null },
  },
  stored: { type: "media.stored", data: { messageId: "WA", chatId: "c", media } },
  delivered: { type: "message.delivered", data: { messageId: "WA", chatId: "c", by: "s", timestamp: 0 } },
} as const;

function row(instanceId: string, kind: keyof typeof events, at = new Date()): EventRow {
  return { ...(events[kind] as EventRow), id: systemIds.uuid(), instanceId, at };
}

const none = {
  ...{ messagesSent: 0, messagesReceived: 0, mediaSent: 0, mediaReceived: 0 },
  ...{ totalMediaSize: 0, apiCalls: 0, webhookSent: 0 },
};
const append = (...rows: EventRow[]) => appendEvents(api.db.sql, rows);

async function usageOf(key: string, id: string, query = "") {
  return (await api.request("GET", `/api/stats/instances/${id}?${query}`, { key })).body.usage;
}

describe("a statistic from the event log", () => {
  test("counts each message once, with its media and their size, for the owner", async () => {
    const { key } = await api.user();
    const id = await api.instance(key);
    await append(...(Object.keys(events) as (keyof typeof events)[]).map((kind) => row(id, kind)));
    const counted = { messagesSent: 3, messagesReceived: 2, mediaSent: 2, mediaReceived: 1 };
    const usage = await usageOf(key, id);
    const today = new Date(new Date().setUTCHours(0, 0, 0, 0)).toISOString();
    expect(usage).toEqual({
      ...{ ...none, ...counted, totalMediaSize: 2000, apiCalls: 1 },
      dailyStats: [{ date: today, ...counted }],
    });
    const { body } = await api.request("GET", "/api/stats/user", { key });
    // The calls: one created the instance, one read its statistics, and this one.
    expect(body).toEqual({
      total: { ...none, ...counted, totalMediaSize: 2000, apiCalls: 3, instanceCount: 1 },
      instances: [{ instanceId: id, name: "Primary", ...none, ...counted, totalMediaSize: 2000, apiCalls: 1 }],
    });
  });

  test("is not counted twice when a transaction is retried", async () => {
    const { key } = await api.user();
    const id = await api.instance(key);
    const first = row(id, "sent");
    await append(first);
    await append(first, row(id, "received"));
    await api.db.sql
      .begin(async (sql) => {
        await appendEvents(sql, [row(id, "sent")]);
        throw new Error("rolled back");
      })
      .catch(() => undefined);
    expect(await usageOf(key, id)).toMatchObject({ messagesSent: 1, messagesReceived: 1 });
  });

  test("is complete under concurrent appends, with instances in any order", async () => {
    const { key, id: userId } = await api.user();
    const ids = [await api.instance(key), await api.instance(key), await api.instance(key)];
    await Promise.all(
      Array.from({ length: 24 }, (_, index) => {
        const id = ids[index % 3] ?? "";
        return append(row(id, "sent"), row(id, "received"), row(id, "delivered"));
      }),
    );
    const [counted] = await api.db.sql`
      select sum(messages_sent)::int as sent, sum(messages_received)::int as received from usage where user_id = ${userId}`;
    expect(counted).toEqual({ sent: 24, received: 24 });
  });

  test("stays in the user's total, but not in the list, when its instance is deleted", async () => {
    const { key } = await api.user();
    const [kept, gone] = [await api.instance(key), await api.instance(key)];
    await append(row(kept, "sent"), row(gone, "received"), row(gone, "received"));
    await api.db.sql`delete from instances where id = ${gone}`;
    const { body } = await api.request("GET", "/api/stats/user?period=all", { key });
    expect(body.total).toMatchObject({ messagesSent: 1, messagesReceived: 2, instanceCount: 1 });
    expect(body.instances.map((one: { instanceId: string }) => one.instanceId)).toEqual([kept]);
  });
});

describe("calls", () => {
  test("count with valid credentials, whatever the response, for the user and for the instance", async () => {
    const { key } = await api.user();
    const id = await api.instance(key); // 1
    const stranger = await api.user();
    await api.request("GET", `/api/instances/${id}`, { key }); // 2, about the instance
    await api.request("PUT", `/api/instances/${id}`, { key, body: { name: 7 } }); // 3, about the instance: rejected
    await api.request("GET", `/api/instances/${systemIds.uuid()}`, { key }); // 4: not found
    await api.request("GET", "/api/stats/system", { key }); // 5: not allowed
    await api.request("POST", "/api/message/send/text", { key, body: { instanceId: id } }); // 6: invalid, so not attributed to the instance
    const sent = { instanceId: id, to: "4915550000001", message: "Hello" };
    await api.request("POST", "/api/message/send/text", { key, body: sent }); // 7, about the instance: not connected
    await api.request("GET", `/api/instances/${id}`, { key: stranger.key });
    await api.request("GET", `/api/instances/${id}`, { key: "wrong" });
    await api.request("GET", `/api/instances/${id}`);
    expect((await usageOf(key, id)).apiCalls).toBe(4); // 8, about the instance
    const { body } = await api.request("GET", "/api/stats/user", { key }); // 9
    expect(body.total.apiCalls).toBe(9);
    const others = await api.request("GET", "/api/stats/user", { key: stranger.key });
    expect(others.body.total.apiCalls).toBe(2);
  });

  test("are all counted when many are concurrent", async () => {
    const { key } = await api.user();
    const id = await api.instance(key);
    await Promise.all(Array.from({ length: 60 }, () => api.request("GET", `/api/whatsapp/${id}/status`, { key })));
    expect((await usageOf(key, id)).apiCalls).toBe(61);
  });

  test("that can't be counted are served and logged", async () => {
    const { key } = await api.user();
    const id = await api.instance(key);
    const before = api.logged().length;
    await api.db.sql`alter table usage add constraint full_disk check (user_id is null) not valid`;
    try {
      expect((await api.request("GET", `/api/instances/${id}`, { key })).status).toBe(200);
    } finally {
      await api.db.sql`alter table usage drop constraint full_disk`;
    }
    const lines = api.logged().slice(before);
    expect(lines.filter((line) => line.includes("can't count API calls"))).toHaveLength(1);
  });
});

describe("days and periods", () => {
  let key: string;
  let userId: string;
  let id: string;
  beforeAll(async () => {
    ({ key, id: userId } = await api.user());
    id = await api.instance(key);
  });
  /** Returns the statistics at `now` after one message in each quarter of an hour from `from` to `to`. */
  async function statisticsAt(now: string, zone: string | undefined, period: Period, from: string, to: string) {
    await api.db.sql`delete from usage where instance_id = ${id}`;
    await api.db.sql`
      insert into usage (user_id, instance_id, slot, lane, messages_sent)
      select ${userId}, ${id}, slot, 0, 1
      from generate_series(${from}::timestamptz, ${to}::timestamptz - interval '15 minutes', '15 minutes') slot`;
    const deps = { db: api.db, clock: { now: () => new Date(now) } };
    const { messagesSent, days } = await instanceUsage(deps, id, { period, timeZone: zone, userId });
    return {
      hours: messagesSent / 4,
      days: days.map((day) => `${day.date.toISOString().slice(0, 16)} ${day.messagesSent / 4}`),
    };
  }

  test.each([
    ["today", 15, 1],
    ["week", 6 * 24 + 15, 7],
    ["month", 29 * 24 + 15, 30],
    ["year", 364 * 24 + 15, 365],
    ["all", 400 * 24 + 15, 401],
  ] as const)("%s covers whole days up to now", async (period, hours, days) => {
    const found = await statisticsAt(
      "2026-07-05T15:00:00Z",
      undefined,
      period,
      "2025-05-31T00:00Z",
      "2026-07-05T15:00Z",
    );
    expect({ hours: found.hours, days: found.days.length }).toEqual({ hours, days });
  });

  test.each([
    ["Europe/Berlin", "2026-03-30T10:00Z", ["2026-03-27T23:00 24", "2026-03-28T23:00 23", "2026-03-29T22:00 12"]],
    ["Europe/Berlin", "2026-10-26T10:00Z", ["2026-10-23T22:00 24", "2026-10-24T22:00 25", "2026-10-25T23:00 11"]],
    ["America/Havana", "2026-11-02T10:00Z", ["2026-10-31T04:00 24", "2026-11-01T04:00 25", "2026-11-02T05:00 5"]],
    ["Africa/Cairo", "2026-04-25T10:00Z", ["2026-04-22T22:00 24", "2026-04-23T22:00 23", "2026-04-24T21:00 13"]],
    ["Africa/Cairo", "2026-10-30T10:00Z", ["2026-10-27T21:00 24", "2026-10-28T21:00 25", "2026-10-29T22:00 12"]],
    ["Asia/Kathmandu", "2026-07-05T10:00Z", ["2026-07-02T18:15 24", "2026-07-03T18:15 24", "2026-07-04T18:15 15.75"]],
    ["Pacific/Kiritimati", "2026-07-05T10:00Z", ["2026-07-03T10:00 24", "2026-07-04T10:00 24"]],
  ])("days in %s before %s have the number of hours of that time zone", async (zone, now, expected) => {
    const from = new Date(Date.parse(now) - 5 * 86_400_000).toISOString();
    expect((await statisticsAt(now, zone, "week", from, now)).days.slice(-expected.length)).toEqual(expected);
  });

  test("begin at midnight in the requested zone, otherwise in the user's, otherwise in UTC", async () => {
    const today = (query: string) =>
      usageOf(key, id, `period=today&${query}`).then((usage) => usage.dailyStats[0]?.date);
    await api.db.sql`delete from usage where instance_id = ${id}`;
    await append(row(id, "sent"));
    expect(await today("")).toContain("T00:00");
    await api.db.sql`update users set time_zone = 'Asia/Kolkata' where id = ${userId}`;
    expect(await today("")).toContain("T18:30");
    expect(await today("timeZone=Asia/Tokyo")).toContain("T15:00");
    expect(await today("timeZone=UTC")).toContain("T00:00");
  });

  test.each(["user", "instance"])("that do not exist are rejected in the statistics of the %s", async (of) => {
    const path = of === "user" ? "/api/stats/user" : `/api/stats/instances/${id}`;
    for (const query of [
      "period=day",
      "period=",
      "timeZone=Mars/Base",
      "timeZone=%2B02:00",
      "timeZone=",
      "timeZone=x'y",
    ]) {
      const answer = await api.request("GET", `${path}?${query}`, { key });
      expect(answer, query).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    }
    for (const period of ["today", "week", "month", "year", "all"]) {
      expect((await api.request("GET", `${path}?period=${period}`, { key })).status).toBe(200);
    }
  });
});

describe("access to statistics", () => {
  test("requires credentials and ownership; only an admin sees system statistics", async () => {
    const { key } = await api.user();
    const id = await api.instance(key, "connected");
    const other = await api.user();
    const admin = await api.user({ role: "admin" });
    for (const path of ["user", "system", `instances/${id}`]) {
      const answer = await api.request("GET", `/api/stats/${path}`);
      expect(answer).toMatchObject({ status: 401, body: { code: "missing_credentials" } });
    }
    const ask = (path: string, as: string) => api.request("GET", `/api/stats/${path}`, { key: as });
    expect(await ask(`instances/${id}`, other.key)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(await ask("system", other.key)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(await ask("instances/nothing", key)).toMatchObject({ status: 404, body: { code: "instance_not_found" } });
    expect((await ask(`instances/${id}`, admin.key)).status).toBe(200);
  });

  test("gives an admin totals of all users that equal a recount", async () => {
    const admin = await api.user({ role: "admin" });
    await api.db.sql`update users set disabled_at = now() where id = ${(await api.user()).id}`;
    const { body } = await api.request("GET", "/api/stats/system", { key: admin.key });
    const [counted] = await api.db.sql`
      select (select count(*) from instances where deleted_at is null)::int as total,
        (select count(*) from instances where status = 'connected' and deleted_at is null)::int as active,
        (select count(*) from users)::int as users, (select count(*) from users where disabled_at is null)::int as enabled,
        sum(messages_sent)::int as sent, sum(api_calls)::int as calls from usage`;
    expect(body).toMatchObject({
      instances: { total: counted?.total, active: counted?.active },
      users: { total: counted?.users, active: counted?.enabled },
      usage: { messagesSent: counted?.sent, apiCalls: counted?.calls },
    });
    expect(body.users.active).toBeLessThan(body.users.total);
  });
});

test("a migration counts the data of the previous version", async () => {
  await api.db.sql`create database before`;
  const url = new URL(api.databaseUrl);
  url.pathname = "/before";
  const old = postgres(url.href, { max: 1, onnotice: () => undefined });
  try {
    const folder = "core/db/migrations";
    const { entries } = JSON.parse(await readFile(`${folder}/meta/_journal.json`, "utf8")) as {
      entries: { tag: string; when: number }[];
    };
    await old`create schema drizzle`;
    await old`create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;
    for (const { tag, when } of entries.slice(0, 2)) {
      await old.unsafe(await readFile(`${folder}/${tag}.sql`, "utf8"));
      await old`insert into drizzle.__drizzle_migrations (hash, created_at) values (${tag}, ${when})`;
    }
    const [user, id] = [systemIds.uuid(), systemIds.uuid()];
    await old`insert into users (id, email, password_hash) values (${user}, 'a@example.com', '')`;
    await old`
      insert into instances (id, user_id, name, dialect, shard) values (${id}, ${user}, 'Primary', 'multi-instance', 0)`;
    const files = [
      { state: "stored", size: 700 },
      { state: "stored", size: null },
      { state: "pending", size: 50 },
    ];
    for (const [index, day] of ["2026-01-01", "2026-01-01", "2026-01-02"].entries()) {
      await old`
        insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, media, status, sent_at)
        values (${systemIds.uuid()}, ${id}, ${`WA${index}`}, 'c', false, 'text', 'conversation',
          ${JSON.stringify(files[index])}::text::jsonb, 'received', ${`${day}T23:59:59Z`})`;
    }
    for (const [index, { type, data }] of Object.values(events).entries()) {
      await old`
        insert into events (id, instance_id, shard, seq, type, data, created_at) values (${systemIds.uuid()}, ${id}, 0,
          ${index + 1}, ${type}, ${JSON.stringify(data)}::text::jsonb, '2026-01-01T10:20:00Z')`;
    }
    await migrate(url.href, 1);
    expect(await old`select day::text, messages from message_days order by day`).toEqual([
      { day: "2026-01-01", messages: 2 },
      { day: "2026-01-02", messages: 1 },
    ]);
    expect(await old`select bytes::int from media_sizes`).toEqual([{ bytes: 700 }]);
    const { days: _days, ...usage } = await instanceUsage({ db: { ...api.db, sql: old }, clock: api.deps.clock }, id, {
      period: "all",
      userId: user,
    });
    expect(usage).toEqual({
      ...{ ...none, messagesSent: 3, messagesReceived: 2, mediaSent: 2, mediaReceived: 1, totalMediaSize: 2000 },
    });
    const [slot] = await old`select slot, lane, user_id from usage`;
    expect(slot).toEqual({ slot: new Date("2026-01-01T10:15:00Z"), lane: 0, user_id: user });
  } finally {
    await old.end();
  }
});

describe("rolling up older usage", () => {
  const zones = ["UTC", "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns", "Australia/Lord_Howe"];
  const answers = async (key: string, id: string) => {
    const paths = zones.flatMap((zone) =>
      (["today", "week", "month", "year", "all"] as const).flatMap((period) => {
        const query = `period=${period}&timeZone=${encodeURIComponent(zone)}`;
        return [`/api/stats/instances/${id}?${query}`, `/api/stats/user?${query}`];
      }),
    );
    const found = [];
    for (const path of paths) {
      const { status, body } = await api.request("GET", path, { key });
      // The requests themselves are counted.
      found.push({
        path,
        status,
        body: JSON.parse(JSON.stringify(body, (name, value) => (name === "apiCalls" ? null : value))),
      });
    }
    return found;
  };
  const calls = async (user: string) =>
    (
      await api.db
        .sql`select sum(api_calls)::int as n from usage where user_id = ${user} and slot < now() - interval '2 hours'`
    )[0]?.n;

  test("changes no answer in any time zone, and leaves one row for each interval", async () => {
    const { key, id: user } = await api.user();
    const id = await api.instance(key);
    await api.db.sql`
      insert into usage (user_id, instance_id, slot, lane, messages_sent, messages_received, media_sent, media_received,
        media_size, api_calls, webhook_sent)
      select ${user}, case when n % 3 = 0 then '00000000-0000-0000-0000-000000000000' else ${id}::uuid end,
        date_bin('15 minutes', now(), timestamptz '2000-01-01Z') - n * interval '15 minutes' - interval '2 hours', lane,
        n, n + lane, lane, 1, 5000000000, n * lane, 2
      from generate_series(0, 400) n, generate_series(0, 4) lane`;
    const [before, callsBefore] = [await answers(key, id), await calls(user)];
    expect(new Set(before.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await rollUpUsage(api.deps, 30_000)).toBeGreaterThanOrEqual(401 * 4);
    expect(await answers(key, id)).toEqual(before);
    expect(await calls(user)).toBe(callsBefore);
    const [left] = await api.db.sql`
      select count(*)::int as rows, max(lane) as lane from usage
      where user_id = ${user} and slot < now() - interval '2 hours'`;
    expect(left).toEqual({ rows: 401, lane: 0 });

    // A late count is added by the next run.
    const late = api.db.sql`
      insert into usage (user_id, instance_id, slot, lane, webhook_sent)
      values (${user}, ${id}, date_bin('15 minutes', now(), timestamptz '2000-01-01Z') - interval '135 minutes', 1, 7)`;
    await late;
    const after = await answers(key, id);
    expect(await rollUpUsage(api.deps, 30_000)).toBe(1);
    expect(await answers(key, id)).toEqual(after);
  });

  test("leaves the rows of the last hour, and does not wait for a writer", async () => {
    const { key, id: user } = await api.user();
    const id = await api.instance(key);
    const [recent, old] = [sqlSlot(30), sqlSlot(180)];
    for (const slot of [recent, old])
      await api.db.sql`
        insert into usage (user_id, instance_id, slot, lane, webhook_sent) values (${user}, ${id}, ${slot}, 1, 1)`;
    await api.db.sql.begin(async (sql) => {
      await sql`update usage set webhook_sent = 2 where user_id = ${user} and slot = ${old}`;
      expect(await rollUpUsage(api.deps, 30_000)).toBe(0);
    });
    expect(await rollUpUsage(api.deps, 30_000)).toBe(1);
    const rows = await api.db
      .sql`select lane, webhook_sent from usage where user_id = ${user} and webhook_sent > 0 order by slot`;
    expect(rows).toEqual([
      { lane: 0, webhook_sent: 2 },
      { lane: 1, webhook_sent: 1 },
    ]);
  });
});

test("a user can be deleted while older usage is rolled up", { timeout: 60_000 }, async () => {
  const { sql } = api.db;
  const [gone, busy] = [await api.user(), await api.user()];
  const add = (on: postgres.ISql, user: string, lane: number) => on`
    insert into usage (user_id, instance_id, slot, lane, webhook_sent)
    values (${user}, ${systemIds.uuid()}, ${sqlSlot(180)}, ${lane}, 1) returning instance_id`;
  await add(sql, gone.id, 1);
  const [kept] = await add(sql, busy.id, 0);
  await sql`
    insert into usage (user_id, instance_id, slot, lane, webhook_sent)
    values (${busy.id}, ${kept?.instance_id}, ${sqlSlot(180)}, 1, 1)`;
  const waits = (statement: string) =>
    until(async () => {
      const [row] = await sql`
        select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
          and query like ${`%${statement}%`} and pid <> pg_backend_pid()`;
      return row && true;
    });
  const { rolling, deleting } = await sql.begin(async (writer) => {
    await writer`update usage set webhook_sent = 2 where user_id = ${busy.id} and lane = 0`;
    const rolling = rollUpUsage(api.deps, 30_000);
    rolling.catch(() => undefined);
    await waits("with old as");
    const deleting = Promise.resolve(sql`delete from users where id = ${gone.id}`);
    deleting.catch(() => undefined);
    await waits("delete from users");
    return { rolling, deleting };
  });
  await Promise.all([rolling, deleting]);
  expect(await sql`select from usage where user_id = ${gone.id}`).toHaveLength(0);
});

/** The start of the 15 minutes that were `minutes` ago. */
const sqlSlot = (minutes: number) => new Date(Math.floor((Date.now() - minutes * 60_000) / 900_000) * 900_000);
