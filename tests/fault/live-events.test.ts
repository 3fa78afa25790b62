import { connect } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { appendEvents, type EventRow } from "../../core/event/append.ts";
import { channel } from "../../core/event-stream/announce.ts";
import { Listener } from "../../core/event-stream/index.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import { createApp } from "../../functions/api/app.ts";
import { startApi } from "../support/api/api.ts";
import { GatewayProcess } from "../support/gateway/gateway-process.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { type EventStream, openStream, type StreamMessage } from "../support/network/event-stream.ts";
import { until } from "../support/until.ts";

let gate: TestGateway;
beforeAll(async () => {
  gate = await startTestGateway({ env: { QUOTA_EVENT_STREAMS: "300" } });
});
afterAll(() => gate?.stop());

const eventOf = (instanceId: string, details: string | null = null): EventRow => ({
  ...{ id: systemIds.uuid(), instanceId, at: new Date(), type: "message.failed" },
  data: { messageId: "WA", chatId: "c", code: "command_expired", details },
});
const keyOf = () => gate.gateway.firstAdmin?.apiKey.key ?? "";
const stream = (path: string) => openStream(gate.gateway.url + path, { key: keyOf() });
const ids = (messages: readonly StreamMessage[]) => messages.map(({ data }) => data.id as string);
const instance = async () => (await gate.api("POST", "/api/instances", { body: { name: "n" } })).body.id as string;

test("a stream continues after its process was killed, without loss or double", async () => {
  const gateway = await GatewayProcess.start();
  onTestFinished(() => gateway.stop());
  const follow = (lastId: string) =>
    openStream(`${gateway.url}/api/events/stream`, { key: gateway.apiKey, headers: { "last-event-id": lastId } });
  const instances: string[] = [];
  for (let index = 0; index < 3; index++)
    instances.push((await gateway.api("POST", "/api/instances", { name: "n" })).body.id as string);
  let current = await follow("");
  const expected: string[] = [];
  const seen: string[] = [];
  const append = async (count: number) => {
    for (let index = 0; index < count; index++) {
      const row = eventOf(instances[index % 3] ?? "");
      await appendEvents(gateway.db.sql, [row]);
      expected.push(row.id);
    }
  };
  await until(async () => current.lastId || undefined);
  for (let round = 0; round < 3; round++) {
    await append(20);
    // The stream is cut while some of the events are on their way.
    await current.wait(round + 1, "message");
    await gateway.kill();
    const { lastId, messages } = current;
    await append(20);
    await gateway.restart();
    seen.push(...ids(messages));
    current = await follow(lastId);
  }
  const failed = () => [...seen, ...ids(current.messages)].filter((id) => expected.includes(id));
  await until(async () => failed().length >= expected.length || undefined);
  expect(failed().toSorted()).toEqual(expected.toSorted());
  current.close();
});

test("200 streams at once all get every event, and share the reads and the connection that listens", async () => {
  const id = await instance();
  const streams: EventStream[] = [];
  for (let index = 0; index < 200; index++) streams.push(await stream(`/api/instances/${id}/events/stream`));
  expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]));
  const rows = Array.from({ length: 50 }, () => eventOf(id));
  for (const row of rows) await appendEvents(gate.db.sql, [row]);
  for (const one of streams) {
    await until(async () => ids(one.messages).includes(rows.at(-1)?.id ?? "") || undefined);
    expect(ids(one.messages).filter((event) => rows.some((row) => row.id === event))).toEqual(
      rows.map((row) => row.id),
    );
  }
  const [{ count: listening } = { count: 0 }] = await gate.db.sql<{ count: number }[]>`
    select count(*)::int as count from pg_stat_activity where query ilike ${`listen "${channel}"`}`;
  expect(listening).toBe(1);
  for (const one of streams) one.close();
  // Without streams, nothing listens and no slot is taken.
  await until(async () => {
    const [row] = await gate.db.sql<{ n: number }[]>`
      select (select count(*) from pg_stat_activity where query ilike ${`listen "${channel}"`})
        + (select count(*) from event_streams) as n`;
    return Number(row?.n) === 0 || undefined;
  });
});

test("a client that does not read is disconnected, and continues with its last id", async () => {
  const id = await instance();
  const socket = connect(Number(new URL(gate.gateway.url).port), "127.0.0.1");
  socket.write(
    `GET /api/instances/${id}/events/stream?since=0 HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${keyOf()}\r\n\r\n`,
  );
  await new Promise((resolve) => socket.once("data", resolve));
  socket.pause();
  const total = 400;
  for (let index = 0; index < total; index++) await appendEvents(gate.db.sql, [eventOf(id, "x".repeat(100_000))]);
  const slots = async () =>
    Number((await gate.db.sql<{ n: number }[]>`select count(*)::int as n from event_streams`)[0]?.n);
  expect(await slots()).toBe(1);
  await until(async () => (await slots()) === 0 || undefined, 90_000);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  let text = "";
  socket.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  socket.on("error", () => undefined);
  socket.resume();
  await closed;
  const received = [...text.matchAll(/^id: (\d+)$/gm)].map(([, seq]) => Number(seq));
  const last = Math.max(...received);
  expect(last).toBeLessThan(total);
  const rest = await stream(`/api/instances/${id}/events/stream?since=${last}`);
  await until(async () => rest.messages.some(({ data }) => data.seq >= total) || undefined);
  expect(rest.messages[0]?.data.seq).toBe(last + 1);
  rest.close();
}, 180_000);

test("a stream whose response is dropped unread ends, and frees its slot", async () => {
  const api = await startApi();
  onTestFinished(() => api.stop());
  const { key } = await api.user();
  const request = new Request(`${api.url}/api/events/stream`, { headers: { "x-api-key": key } });
  const response = await createApp(api.served).fetch(request, { streaming: { remainingMs: Number.POSITIVE_INFINITY } });
  expect(response.status).toBe(200);
  const slots = async () => (await api.db.sql`select from event_streams`).length;
  expect(await slots()).toBe(1);
  await until(async () => (await slots()) === 0 || undefined, 90_000);
}, 180_000);

test("a stream looks at the database once a second where notifications do not arrive", async () => {
  const silent = { ...gate.db, listen: () => ({ ready: Promise.resolve(), close: async () => undefined }) };
  const log = createLogger("test", "silent");
  for (const [db, intervalMs] of [
    [gate.db, 5_000],
    [silent, 1_000],
  ] as const) {
    const listener = new Listener({ db, log });
    const reports: unknown[] = [];
    listener.start((report) => reports.push(report));
    await until(async () => reports.length > 0 || undefined);
    if (db === gate.db) {
      await until(async () => listener.intervalMs === intervalMs || undefined);
      await gate.db.sql`select pg_notify(${channel}, 'a,b')`;
      await until(async () => (reports.at(-1) as string[] | undefined)?.[1] === "b" || undefined);
    }
    expect(listener.intervalMs).toBe(intervalMs);
    listener.stop();
  }
});
