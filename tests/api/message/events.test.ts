import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { appendEvents, type EventRow } from "../../../core/event/append.ts";
import { readLog } from "../../../core/event/log.ts";
import { systemIds } from "../../../core/id.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startApi();
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
