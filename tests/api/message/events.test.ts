import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { appendEvents, type EventRow } from "../../../core/event/append.ts";
import { readLog } from "../../../core/event/log.ts";
import { formatCursor } from "../../../core/event-stream/cursor.ts";
import { systemIds } from "../../../core/id.ts";
import { callerOfKey } from "../../../core/user/authenticate.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";
import { type EventStream, openStream, type StreamMessage } from "../../support/network/event-stream.ts";
import { folderOfTest } from "../../support/process/temporary-folder.ts";
import { until } from "../../support/until.ts";

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startApi({ QUOTA_EVENT_STREAMS: "20" });
  ({ key } = await api.user());
}, 60_000);
afterAll(() => api?.stop());

const failed = (instanceId: string, at = new Date()): EventRow => ({
  ...{ id: systemIds.uuid(), instanceId, at, type: "message.failed" },
  data: { messageId: "WA", chatId: "c", code: "command_expired", details: null },
});
const closed = (instanceId: string, at = new Date()): EventRow => ({
  ...{ id: systemIds.uuid(), instanceId, at, type: "connection.close" },
  data: { reason: "stopped", willReconnect: false },
});
const repeatOf = ({ id, instanceId }: EventRow): EventRow => ({ ...failed(instanceId), id });
const append = (...rows: EventRow[]) => appendEvents(api.db.sql, rows);

async function page(id: string, query = "") {
  const { body } = await api.request("GET", `/api/instances/${id}/events?${query}`, { key });
  return { ...body, events: body.events.map((event: { sequence: number }) => event.sequence) };
}

/** Creates an instance with `count` events, one a minute from the start of 2026, of which every tenth is a failure. */
async function instanceWithEvents(count: number): Promise<string> {
  const id = await api.instance(key);
  await api.db.sql`
    insert into events (id, instance_id, shard, seq, type, data, created_at)
    select gen_random_uuid(), ${id}, 0, n, case when n % 10 = 0 then 'message.failed' else 'connection.close' end,
      case when n % 10 = 0 then ${JSON.stringify(failed("").data)}::text::jsonb else ${JSON.stringify(closed("").data)}::text::jsonb end,
      timestamptz '2026-01-01Z' + n * interval '1 minute'
    from generate_series(1, ${count}::int) n`;
  await api.db.sql`update instances set event_seq = ${count} where id = ${id}`;
  return id;
}

describe("the event log of an instance", () => {
  test("lists each event once, from the oldest to the newest, in pages by sequence number", async () => {
    const id = await api.instance(key);
    const [first, second, third] = [closed(id), failed(id), closed(id)];
    await append(first, second, repeatOf(first), third);
    // A repeated event, in the same call or later, is stored once.
    await append(second, repeatOf(third));
    const { body } = await api.request("GET", `/api/instances/${id}/events?limit=2`, { key });
    expect(body).toEqual({
      events: [
        {
          ...{ id: first.id, sequence: 1, type: "connection.close", createdAt: first.at.toISOString() },
          data: { reason: "stopped", willReconnect: false },
        },
        expect.objectContaining({ id: second.id, sequence: 2, type: "message.failed" }),
      ],
      ...{ nextSince: 2, hasMore: true, oldestSequence: 1 },
    });
    const rest = { events: [3], nextSince: 3, hasMore: false, oldestSequence: 1 };
    expect(await page(id, "since=2&limit=2")).toEqual(rest);
    expect(await page(id, "since=2&limit=1")).toEqual(rest);
    expect(await page(id, "since=3")).toEqual({ ...rest, events: [] });
    expect(await page(id, "types=message.failed")).toEqual({ ...rest, events: [2] });
    expect(await page(id, "types=message.failed,%20connection.close")).toEqual({ ...rest, events: [1, 2, 3] });
    expect(await page(await api.instance(key))).toEqual({
      events: [],
      nextSince: 0,
      hasMore: false,
      oldestSequence: 1,
    });
  });

  test("keeps the correlation id of an event if it fits a header, otherwise uses the event's id", async () => {
    const id = await api.instance(key);
    const given = ["order-4711", "a\r\nb", "안녕", "x".repeat(129), "", null];
    const rows = given.map((correlationId) => ({ ...closed(id), correlationId }));
    await append(...rows);
    const kept = await api.db.sql`select id, correlation_id from events where instance_id = ${id} order by seq`;
    expect(kept.map((row) => row.correlation_id)).toEqual(["order-4711", ...rows.slice(1).map((row) => row.id)]);
  });

  test("does not show encrypted values", async () => {
    const id = await api.instance(key);
    const data = { sealedQr: "c2VhbGVk", expiresAt: "2026-01-01T00:00:00.000Z" };
    await append({ id: systemIds.uuid(), instanceId: id, at: new Date(), type: "connection.qr", data });
    const { body } = await api.request("GET", `/api/instances/${id}/events`, { key });
    expect(body.events[0]).toMatchObject({ type: "connection.qr", data: { expiresAt: "2026-01-01T00:00:00.000Z" } });
    expect(JSON.stringify(body)).not.toContain("sealed");
  });

  test("reports which events are no longer stored", async () => {
    const id = await api.instance(key);
    await append(closed(id), closed(id), closed(id));
    await api.db.sql`delete from events where instance_id = ${id} and seq < 3`;
    expect(await page(id)).toEqual({ events: [3], nextSince: 3, hasMore: false, oldestSequence: 3 });
    await api.db.sql`delete from events where instance_id = ${id}`;
    expect(await page(id)).toEqual({ events: [], nextSince: 3, hasMore: false, oldestSequence: 4 });
  });

  test("is complete when a client filters and pages to the end", async () => {
    const id = await instanceWithEvents(25_000);
    const found: number[] = [];
    const pages: number[] = [];
    let next = { nextSince: 0, hasMore: true };
    while (next.hasMore) {
      const answer = await page(id, `types=message.failed&limit=1000&since=${next.nextSince}`);
      pages.push(answer.events.length);
      found.push(...answer.events);
      next = answer;
    }
    expect(found).toEqual(Array.from({ length: 2500 }, (_, index) => (index + 1) * 10));
    expect(next.nextSince).toBe(25_000);
    expect(await page(id, "types=connection.open")).toMatchObject({ events: [], nextSince: 20_000, hasMore: true });
  });

  test("starts at a date, inside or outside of the stored range", async () => {
    const id = await instanceWithEvents(2000);
    await api.db.sql`delete from events where instance_id = ${id} and seq <= 100`;
    const from = async (minute: number, since = 0) => {
      const at = new Date(Date.parse("2026-01-01T00:00:00Z") + minute * 60_000).toISOString();
      return (await page(id, `limit=2&since=${since}&startDate=${at}`)).events;
    };
    for (const minute of [101, 102, 731, 1000, 1999]) expect(await from(minute)).toEqual([minute, minute + 1]);
    expect(await from(50)).toEqual([101, 102]);
    expect(await from(2000)).toEqual([2000]);
    expect(await from(2001)).toEqual([]);
    expect(await from(500, 600)).toEqual([601, 602]);
    expect(await from(600, 500)).toEqual([600, 601]);
    expect(await page(id, "startDate=2027-01-01")).toMatchObject({ events: [], nextSince: 2000, hasMore: false });
  });

  test("has no gap while events are appended concurrently", async () => {
    const id = await api.instance(key);
    const writers = 6;
    const total = writers * 40;
    const writing = Promise.all(
      Array.from({ length: writers }, async () => {
        for (let index = 0; index < 20; index++) {
          await api.db.sql.begin(async (sql) => {
            await appendEvents(sql, [closed(id), failed(id)]);
            // A rolled-back event takes no sequence number.
            if (index % 5 === 0)
              await sql
                .savepoint((inner) => appendEvents(inner, [closed(id)]).then(() => inner`select 1/0`))
                .catch(() => undefined);
          });
        }
      }),
    );
    const seen: number[] = [];
    for (let since = 0; seen.length < total; ) {
      const { events, nextSince } = await readLog(api.db, id, { since, limit: 7 });
      seen.push(...events.map((event) => event.sequence));
      since = nextSince;
    }
    await writing;
    expect(seen).toEqual(Array.from({ length: total }, (_, index) => index + 1));
  });

  test.each(["since=-1", "since=x", "limit=0", "limit=1001", "types=", "types=message.lost", "startDate=soon"])(
    "rejects a request with %s",
    async (query) => {
      const id = await api.instance(key);
      const answer = await api.request("GET", `/api/instances/${id}/events?${query}`, { key });
      expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
    },
  );

  test("is visible to its owner only", async () => {
    const path = `/api/instances/${await api.instance(key)}/events`;
    expect(await api.request("GET", path)).toMatchObject({ status: 401, body: { code: "missing_credentials" } });
    const other = await api.user();
    expect(await api.request("GET", path, { key: other.key })).toMatchObject({ status: 403 });
    const missing = await api.request("GET", `/api/instances/${systemIds.uuid()}/events`, { key });
    expect(missing).toMatchObject({ status: 404, body: { code: "instance_not_found" } });
  });
});

describe("a stream", () => {
  const opened: EventStream[] = [];
  afterEach(() => {
    for (const stream of opened.splice(0)) stream.close();
  });
  const open = async (path: string, options: Parameters<typeof openStream>[1] = {}) => {
    const stream = await openStream(api.url + path, { key, ...options });
    opened.push(stream);
    return stream;
  };
  const ofInstance = (id: string, query = "", headers = {}) =>
    open(`/api/instances/${id}/events/stream?${query}`, { headers });
  const seqs = (messages: readonly StreamMessage[]) => messages.map(({ data }) => data.seq);

  test("of an instance sends new events with their sequence numbers as ids, and continues after any of them", async () => {
    const id = await api.instance(key);
    await append(closed(id), failed(id));
    const stream = await ofInstance(id);
    expect(stream.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const third = failed(id);
    await append(third);
    const [message] = await stream.wait(1);
    expect(message).toEqual({
      event: "message",
      id: "3",
      data: {
        ...{ v: 1, id: third.id, instanceId: id, seq: 3, type: "message.failed", data: third.data },
        ...{ correlationId: third.id, at: third.at.toISOString() },
      },
    });
    await append(closed(id));
    expect((await stream.wait(2)).map((one) => one.id)).toEqual(["3", "4"]);
    for (const after of [0, 1, 3]) {
      const expected = [1, 2, 3, 4].slice(after);
      expect(seqs(await (await ofInstance(id, "", { "last-event-id": String(after) })).wait(4 - after))).toEqual(
        expected,
      );
      expect(seqs(await (await ofInstance(id, `lastEventId=${after}`)).wait(4 - after))).toEqual(expected);
      expect(seqs(await (await ofInstance(id, `since=${after}`)).wait(4 - after))).toEqual(expected);
    }
  });

  test("of all instances continues after any of its ids without loss or double", async () => {
    const { key: own } = await api.user();
    const ids = [await api.instance(own), await api.instance(own), await api.instance(own)];
    const stream = await open("/api/events/stream", { key: own });
    const total = 60;
    for (let index = 0; index < total; index++) await append(closed(ids[index % 3] ?? ""));
    const all = await stream.wait(total);
    const names = (messages: readonly StreamMessage[]) => messages.map(({ data }) => `${data.instanceId} ${data.seq}`);
    expect(new Set(names(all)).size).toBe(total);
    for (const index of [0, 7, 31, 58]) {
      const rest = await open("/api/events/stream", { key: own, headers: { "last-event-id": all[index]?.id ?? "" } });
      expect(names(await rest.wait(total - index - 1))).toEqual(names(all.slice(index + 1)));
    }
  });

  test("neither skips nor repeats an event that is committed after an event with a greater position", async () => {
    const { key: own } = await api.user();
    const [late, early] = [await api.instance(own), await api.instance(own)];
    const stream = await open("/api/events/stream", { key: own });
    await until(async () => stream.lastId || undefined);
    const committed = Promise.withResolvers<void>();
    const appended = Promise.withResolvers<void>();
    const transaction = api.db.sql.begin(async (sql) => {
      await appendEvents(sql, [closed(late)]);
      appended.resolve();
      await committed.promise;
    });
    await appended.promise;
    await append(closed(early));
    const [first] = await stream.wait(1);
    expect(first?.data.instanceId).toBe(early);
    // The id that the stream tells later, while the transaction is still open, is also before the late event.
    await append(failed(early));
    const [, second] = await stream.wait(2);
    committed.resolve();
    await transaction;
    const instancesOf = (messages: readonly StreamMessage[]) => messages.map(({ data }) => data.instanceId);
    expect(instancesOf(await stream.wait(3))).toEqual([early, early, late]);
    for (const [message, expected] of [
      [first, [early, late]],
      [second, [late]],
    ] as const) {
      const rest = await open("/api/events/stream", { key: own, headers: { "last-event-id": message?.id ?? "" } });
      expect(instancesOf(await rest.wait(expected.length)).sort()).toEqual([...expected].sort());
    }
  });

  test("continues while another transaction stays open, also with more instances than an id can name", async () => {
    const { key: own, id: userId } = await api.user();
    await api.db.sql`
      insert into instances (id, user_id, name, dialect, shard)
      select gen_random_uuid(), ${userId}, 'n', 'gateway', 0 from generate_series(1, 70)`;
    const ids = (await api.db.sql<{ id: string }[]>`select id from instances where user_id = ${userId}`).map(
      (row) => row.id,
    );
    const end = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const other = api.db.sql.begin(async (sql) => {
      await sql`select pg_current_xact_id()`;
      begun.resolve();
      await end.promise;
    });
    await begun.promise;
    const stream = await open("/api/events/stream", { key: own });
    await append(...ids.slice(0, 30).map((id) => closed(id)));
    const before = await stream.wait(30);
    expect(before.at(-1)?.id.length).toBeLessThan(1000);
    await append(...ids.map((id) => closed(id)));
    await stream.wait(50);
    end.resolve();
    await other;
    const all = await stream.wait(100);
    expect(new Set(all.map(({ data }) => data.id)).size).toBe(100);
    for (const index of [10, 29, 40, 49, 60]) {
      const rest = await open("/api/events/stream", { key: own, headers: { "last-event-id": all[index]?.id ?? "" } });
      const found = await rest.wait(99 - index);
      expect(new Set(found.map(({ data }) => data.id))).toEqual(
        new Set(all.slice(index + 1).map(({ data }) => data.id)),
      );
    }
  });

  test("shows instances that are created later, and starts at a time", async () => {
    const { key: own } = await api.user();
    const id = await api.instance(own);
    await append(
      closed(id, new Date("2026-01-01")),
      failed(id, new Date("2026-02-01")),
      closed(id, new Date("2026-03-01")),
    );
    const stream = await open("/api/events/stream?startDate=2026-01-15", { key: own });
    expect(seqs(await stream.wait(2))).toEqual([2, 3]);
    const single = await open(`/api/instances/${id}/events/stream?startDate=2026-02-15`, { key: own });
    expect(seqs(await single.wait(1))).toEqual([3]);
    const created = await api.instance(own);
    await append(closed(created));
    expect((await stream.wait(3)).at(-1)?.data).toMatchObject({ instanceId: created, seq: 1 });
  });

  test("sends only events of the chosen types, chats and instances, and its ids pass the others", async () => {
    const { key: own } = await api.user();
    const [id, other] = [await api.instance(own), await api.instance(own)];
    const ofChat = (chatId: string): EventRow => ({
      ...failed(id),
      ...({ data: { ...failed(id).data, chatId } } as object),
    });
    const streams = {
      types: await open("/api/events/stream?types=message.failed", { key: own }),
      chats: await open("/api/events/stream?chats=a@lid,b@lid", { key: own }),
      instances: await open(`/api/events/stream?instances=${other}`, { key: own }),
    };
    await append(closed(id), ofChat("a@lid"), ofChat("b@lid"), ofChat("c@lid"), closed(other), closed(id));
    expect(seqs(await streams.types.wait(3))).toEqual([2, 3, 4]);
    expect(seqs(await streams.chats.wait(2))).toEqual([2, 3]);
    expect((await streams.instances.wait(1))[0]?.data).toMatchObject({ instanceId: other, seq: 1 });
    const page = await api.request("GET", `/api/instances/${id}/events?chats=c@lid`, { key: own });
    expect(page.body).toMatchObject({ events: [{ sequence: 4 }], nextSince: 5, hasMore: false });
  });

  test("tells which events are no longer stored", async () => {
    const id = await api.instance(key);
    await append(closed(id), closed(id), closed(id));
    await api.db.sql`delete from events where instance_id = ${id} and seq < 3`;
    const stream = await ofInstance(id, "since=0");
    expect((await stream.wait(1, "missing"))[0]?.data).toEqual({ from: 1, to: 2 });
    expect(seqs(await stream.wait(1))).toEqual([3]);
    const ahead = await ofInstance(id, "since=99");
    expect((await ahead.wait(1, "missing"))[0]?.data).toEqual({ from: 4, to: 99 });
    await append(closed(id));
    expect(seqs(await ahead.wait(1))).toEqual([4]);
    const daysAgo = (days: number) =>
      formatCursor({ position: 0, at: new Date(Date.now() - days * 24 * 60 * 60 * 1000), ahead: new Map() });
    const old = await open(`/api/events/stream?instances=${id}&since=${daysAgo(31)}`);
    expect(Date.parse((await old.wait(1, "missing"))[0]?.data.before)).toBeLessThan(Date.now());
    expect(seqs(await old.wait(2))).toEqual([3, 4]);
    const recent = await open(`/api/events/stream?instances=${id}&since=${daysAgo(29)}`);
    expect((await recent.wait(2)).map(({ data }) => data.seq)).toEqual([3, 4]);
    expect(recent.messages.map(({ event }) => event)).toEqual(["message", "message"]);
  });

  test.each([
    [
      "the key is revoked",
      "invalid_credentials",
      (id: string) => api.db.sql`update api_keys set revoked_at = now() where user_id = ${id}`,
    ],
    [
      "the key expires",
      "invalid_credentials",
      (id: string) => api.db.sql`update api_keys set expires_at = now() where user_id = ${id}`,
    ],
    [
      "the user is disabled",
      "invalid_credentials",
      (id: string) => api.db.sql`update users set disabled_at = now() where id = ${id}`,
    ],
    [
      "the key may no longer read",
      "forbidden",
      (id: string) => api.db.sql`update api_keys set permissions = '["write"]'::jsonb where user_id = ${id}`,
    ],
    [
      "the key loses the scope of events",
      "forbidden",
      (id: string) => api.db.sql`update api_keys set scopes = '["messages:read"]'::jsonb where user_id = ${id}`,
    ],
    [
      "the address is no longer allowed",
      "ip_not_allowed",
      (id: string) => api.db.sql`update users set ip_ranges = '["10.0.0.0/8"]'::jsonb where id = ${id}`,
    ],
  ])("ends within seconds when %s", async (_when, code, change) => {
    const user = await api.user();
    const id = await api.instance(user.key);
    const streams = [
      await open("/api/events/stream", { key: user.key }),
      await open(`/api/instances/${id}/events/stream`, { key: user.key }),
    ];
    await change(user.id);
    for (const stream of streams) {
      expect((await stream.wait(1, "closing"))[0]?.data).toEqual({ reason: "credentials", code });
      await until(async () => stream.ended || undefined);
    }
    await append(closed(id));
    expect(streams.flatMap((stream) => stream.messages.filter(({ event }) => event === "message"))).toEqual([]);
  });

  test("names only instances in its ids that the key may see", async () => {
    const { key: own, id: userId } = await api.user();
    const [one, two] = [await api.instance(own), await api.instance(own)];
    const limits = JSON.stringify([one]);
    await api.db.sql`update api_keys set instances = ${limits}::text::jsonb where user_id = ${userId}`;
    await append(closed(one), closed(two));
    const named = (id: string) => Buffer.from(id.replaceAll("-", ""), "hex").toString("base64url");
    // While another transaction is open, ids name the instances with new events.
    await api.db.sql.begin(async (sql) => {
      await sql`select pg_current_xact_id()`;
      const stream = await open("/api/events/stream", { key: own });
      await until(async () => stream.lastId || undefined);
      const polled = await api.request("GET", "/api/events", { key: own });
      for (const id of [stream.lastId, polled.body.data.nextSince]) {
        expect(id).toContain(named(one));
        expect(id).not.toContain(named(two));
      }
    });
  });

  test("shows a key that is limited to instances only these, also after a change", async () => {
    const { key: own, id: userId } = await api.user();
    const [one, two] = [await api.instance(own), await api.instance(own)];
    const allow = (id: string) =>
      api.db.sql`update api_keys set instances = ${JSON.stringify([id])}::text::jsonb where user_id = ${userId}`;
    await allow(one);
    expect((await open(`/api/instances/${two}/events/stream`, { key: own })).status).toBe(403);
    const [all, single] = [
      await open("/api/events/stream", { key: own }),
      await open(`/api/instances/${one}/events/stream`, { key: own }),
    ];
    await append(closed(two), closed(one));
    expect((await all.wait(1)).map(({ data }) => data.instanceId)).toEqual([one]);
    await allow(two);
    expect((await single.wait(1, "closing"))[0]?.data).toMatchObject({ code: "forbidden" });
    await append(closed(one), closed(two));
    const seen = (await all.wait(2)).map(({ data }) => data.instanceId);
    expect(seen[0]).toBe(one);
    expect(seen).toContain(two);
    expect(seen.filter((id) => id === one)).toHaveLength(1);
  });

  test("opens once with a token instead of a key, and ends when the key of the token is revoked", async () => {
    const user = await api.user();
    const id = await api.instance(user.key);
    const newToken = async () =>
      (await api.request("POST", "/api/events/stream/token", { key: user.key })).body.data.token;
    const withToken = async (path: string, token: string) => {
      const stream = await openStream(`${api.url}${path}?token=${token}`);
      opened.push(stream);
      return stream;
    };
    const token = await newToken();
    const stream = await withToken("/api/events/stream", token);
    expect((await withToken("/api/events/stream", token)).error).toMatchObject({ code: "invalid_credentials" });
    const single = await withToken(`/api/instances/${id}/events/stream`, await newToken());
    await append(closed(id));
    for (const one of [stream, single]) expect(seqs(await one.wait(1))).toEqual([1]);
    const [expired, unused] = [await newToken(), await newToken()];
    await api.db.sql`update stream_tokens set expires_at = now() where hash = sha256(${expired}::text::bytea)`;
    expect((await withToken("/api/events/stream", expired)).error).toMatchObject({ code: "invalid_credentials" });
    const elsewhere = await api.request("GET", `/api/instances?token=${unused}`);
    expect(elsewhere).toMatchObject({ status: 401, body: { code: "missing_credentials" } });
    const stranger = await api.instance(key);
    expect((await withToken(`/api/instances/${stranger}/events/stream`, unused)).status).toBe(403);
    const late = await newToken();
    await api.db.sql`update api_keys set revoked_at = now() where user_id = ${user.id}`;
    for (const one of [stream, single])
      expect((await one.wait(1, "closing"))[0]?.data).toEqual({ reason: "credentials", code: "invalid_credentials" });
    expect((await withToken("/api/events/stream", late)).status).toBe(401);
  });

  test("is refused when the user has too many, until another one is closed", async () => {
    const user = await api.user();
    const streams = await Promise.all(Array.from({ length: 20 }, () => open("/api/events/stream", { key: user.key })));
    expect(streams.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    const refused = await open("/api/events/stream", { key: user.key });
    expect({ status: refused.status, body: refused.error }).toMatchObject({
      status: 429,
      body: { code: "rate_limited" },
    });
    expect(refused.headers.get("retry-after")).toBe("30");
    streams[0]?.close();
    await until(async () => (await open("/api/events/stream", { key: user.key })).status === 200 || undefined);
    expect((await open("/api/events/stream")).status).toBe(200);
  });

  const slotsOf = async (userId: string) =>
    (await api.db.sql`select from event_streams where user_id = ${userId}`).length;

  test("is not opened by a HEAD request, which gets the same headers", async () => {
    const user = await api.user();
    const id = await api.instance(user.key);
    const head = (path: string) => fetch(api.url + path, { method: "HEAD", headers: { "x-api-key": user.key } });
    for (const path of ["/api/events/stream", `/api/instances/${id}/events/stream`]) {
      const { status, headers } = await head(path);
      expect([status, headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
      expect((await head(`${path}?since=x`)).status).toBe(400);
    }
    expect(await slotsOf(user.id)).toBe(0);
  });

  test("frees its slot when its key is revoked, although nobody reads it", async () => {
    const user = await api.user();
    const ip = "127.0.0.1";
    const unread = await (await api.served.live()).open({
      ...{ caller: await callerOfKey(api.deps, user.key, ip), ip, vault: api.vault, lasting: true, single: false },
      ...{ scope: { userIds: [user.id], instanceIds: [] }, start: { kind: "now" }, keptDays: 30, filter: {} },
    });
    onTestFinished(unread.close);
    expect(await slotsOf(user.id)).toBe(1);
    await api.db.sql`update api_keys set revoked_at = now() where user_id = ${user.id}`;
    await until(async () => (await slotsOf(user.id)) === 0 || undefined);
  });

  test("ends when its instance is deleted", async () => {
    const id = await api.instance(key);
    const stream = await ofInstance(id);
    await api.db.sql`update instances set deleted_at = now() where id = ${id}`;
    expect((await stream.wait(1, "closing"))[0]?.data).toEqual({ reason: "instance_gone", code: "instance_not_found" });
  });

  test.each([
    ["/api/events/stream", "-1"],
    ["/api/events/stream", "1.2.3"],
    ["/api/events/stream", "9".repeat(16)],
    ["/api/events/stream", `1.zzz${"~AAAAAAAAAAAAAAAAAAAAAA.1".repeat(51)}`],
    ["/api/events/stream", "1.zzzzzzzzz"],
    ["/api/events/stream", "'; select 1"],
    ["/api/instances/{id}/events/stream", "1.t3k9x1"],
    ["/api/instances/{id}/events/stream", "x"],
  ])("of %s rejects the last id %s", async (path, lastId) => {
    const id = await api.instance(key);
    const stream = await open(path.replace("{id}", id), { headers: { "last-event-id": lastId } });
    expect({ status: stream.status, body: stream.error }).toMatchObject({
      status: 400,
      body: { code: "invalid_request" },
    });
  });

  test("shows nothing of another user, whatever its id names", async () => {
    const [mine, others] = [await api.instance(key), await api.instance((await api.user()).key)];
    await append(closed(mine), closed(others));
    const named = Buffer.from(others.replaceAll("-", ""), "hex").toString("base64url");
    const stream = await open("/api/events/stream", { headers: { "last-event-id": `0~${named}.0` } });
    const found = await stream.wait(1);
    expect(found.map(({ data }) => data.instanceId)).not.toContain(others);
    const refused = await open(`/api/events/stream?instances=${others}`);
    expect({ status: refused.status, body: refused.error }).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect((await ofInstance(others)).status).toBe(403);
  });
});

describe("the guide about live events", () => {
  test("has a program that continues after its own restart", async () => {
    const { key: own } = await api.user();
    const id = await api.instance(own);
    const FILE = join(await folderOfTest(), "last-event-id");
    const seen: string[] = [];
    const run = () => {
      const child = spawn(process.execPath, ["docs/examples/follow-events.mjs"], {
        env: { API: api.url, KEY: own, FILE },
        stdio: ["ignore", "pipe", "inherit"],
      });
      child.stdout.setEncoding("utf8").on("data", (text: string) => seen.push(...text.trim().split("\n")));
      return child;
    };
    const stored = () => until(async () => (existsSync(FILE) && readFileSync(FILE, "utf8")) || undefined);
    const line = (seq: number) => until(async () => seen.find((one) => one.startsWith(`${seq} `)));
    const first = run();
    await stored();
    await append(closed(id));
    expect(await line(1)).toBe(`1 connection.close ${id}`);
    await until(async () => readFileSync(FILE, "utf8").includes("~") || undefined);
    first.kill();
    await once(first, "exit");
    await append(failed(id));
    const second = run();
    onTestFinished(() => void second.kill());
    expect(await line(2)).toBe(`2 message.failed ${id}`);
    expect(seen).toHaveLength(2);
  });
});

describe("a request that waits for events", () => {
  test("returns the first event as soon as there is one, or none at the end", async () => {
    const { key: own } = await api.user();
    const id = await api.instance(own);
    await append(closed(id));
    const get = async (path: string) => (await api.request("GET", path, { key: own })).body;
    expect(await get(`/api/instances/${id}/events?since=1&wait=1`)).toMatchObject({ events: [], nextSince: 1 });
    expect(await get(`/api/instances/${id}/events?since=0&wait=20`)).toMatchObject({ events: [{ sequence: 1 }] });
    const { nextSince, events } = (await get("/api/events")).data;
    expect(events).toEqual([]);
    const waiting = [
      get(`/api/instances/${id}/events?since=1&wait=20&types=message.failed`),
      get(`/api/events?since=${nextSince}&wait=20`),
    ];
    await append(closed(id), failed(id));
    expect(await waiting[0]).toMatchObject({ events: [{ sequence: 3 }], nextSince: 3, hasMore: false });
    const first = await waiting[1];
    const rest = await get(`/api/events?since=${first.data.nextSince}&wait=0`);
    expect([...first.data.events, ...rest.data.events].map((event: { seq: number }) => event.seq)).toEqual([2, 3]);
  });

  test.each(["wait=26", "wait=x", "chats=", "lastEventId=1&wait=-1"])("rejects %s", async (query) => {
    const answer = await api.request("GET", `/api/events?${query}`, { key });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request" } });
  });
});
