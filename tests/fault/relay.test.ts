import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../core/config.ts";
import { type AppendedEvent, appendEvents } from "../../core/event/append.ts";
import type { EventEnvelope } from "../../core/event/catalog/index.ts";
import { Announcer } from "../../core/event-stream/announce.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import { createQueues, eventQueue, openQueues, type Queues } from "../../core/queue/index.ts";
import { startAws } from "../../local/aws/index.ts";
import { outboxPage } from "../../session-host/outbox/lane.ts";
import { EventRelay } from "../../session-host/outbox/relay.ts";
import { type ShardDatabase, startShardDatabase } from "../support/session-host/shard-database.ts";
import { until } from "../support/until.ts";

let database: ShardDatabase;
let aws: Awaited<ReturnType<typeof startAws>>;
let queues: Queues;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "switchboard-test-"));
  [database, aws] = await Promise.all([startShardDatabase(), startAws({ dataDir: directory })]);
  const config = readConfig({
    SQS_ENDPOINT: aws.endpoint,
    AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
  });
  queues = openQueues(config);
  await createQueues(queues, config);
});
afterAll(async () => {
  await Promise.all([database?.stop(), aws?.stop()]);
  await rm(directory, { recursive: true, force: true });
});

/** Appends an event with this reason, of any size: strings are bounded before they get to the log, but not here. */
async function append(instanceId: string, reason: string): Promise<string> {
  const id = systemIds.uuid();
  const data = { status: "connected" as const, reason: "short" };
  await appendEvents(database.db.sql, [{ id, instanceId, at: new Date(), type: "connection.update", data }]);
  await database.db.sql`update events set data = ${JSON.stringify({ ...data, reason })}::text::jsonb where id = ${id}`;
  return id;
}

/** Appends events and returns them as a commit of the ledger does. */
async function commit(...instanceIds: string[]): Promise<AppendedEvent[]> {
  const type = "connection.update" as const;
  const data = { status: "connected" as const, reason: null };
  const events = instanceIds.map((instanceId) => ({ id: systemIds.uuid(), instanceId, at: new Date(), type, data }));
  return await appendEvents(database.db.sql, events);
}

/** Starts a relay that sends through `sendBatch`. */
async function startRelay(sendBatch: Queues["sendBatch"] = queues.sendBatch): Promise<EventRelay> {
  const { host, lease } = await database.takeLease();
  const relay = new EventRelay({
    db: database.db,
    queues: { sendBatch },
    log: createLogger("test", "silent"),
    host,
    lease,
    announcer: new Announcer({ db: database.db, log: createLogger("test", "silent") }),
  });
  relay.start();
  // As `WorkSearch` does when another process has appended events.
  const nudging = setInterval(() => relay.nudge(), 1_000);
  onTestFinished(() => {
    clearInterval(nudging);
    return relay.stop();
  });
  return relay;
}

/** Receives everything that is on the event queue, until `count` events have arrived. */
async function received(count: number): Promise<EventEnvelope[]> {
  const events: EventEnvelope[] = [];
  await until(async () => {
    const messages = await queues.receive(eventQueue, { waitSeconds: 0 });
    events.push(...messages.map(({ Body }) => JSON.parse(Body ?? "") as EventEnvelope));
    await queues.remove(
      eventQueue,
      messages.map(({ ReceiptHandle }) => ReceiptHandle ?? ""),
    );
    return events.length >= count || undefined;
  });
  return events;
}

/** Creates an instance whose events are in this lane. */
async function instanceInLane(lane: number): Promise<string> {
  for (;;) {
    const { id } = await database.createInstance();
    if (Number.parseInt(id.slice(-2), 16) % 4 === lane) return id;
  }
}

test.each([
  ["alone", 0],
  ["in a batch with others", 5],
])(
  "an event that the queue never accepts is parked and reported, and later events follow: %s",
  async (_name, before) => {
    const { id: instanceId } = await database.createInstance();
    for (let index = 0; index < before; index++) await append(instanceId, "before");
    const parked = await append(instanceId, "\u0001".repeat(180_000));
    const later = await append(instanceId, "after");
    await startRelay();
    const events = await received(before + 2);
    expect(events.map(({ id }) => id)).not.toContain(parked);
    expect(events.map(({ seq }) => seq)).toEqual(
      Array.from({ length: before + 3 }, (_, index) => index + 1).filter((seq) => seq !== before + 1),
    );
    expect(events.at(-2)?.id).toBe(later);
    expect(events.at(-1)).toMatchObject({
      type: "event.parked",
      instanceId,
      data: {
        ...{ eventId: parked, sequence: before + 1, eventType: "connection.update", destination: "event_queue" },
        reason: expect.stringMatching(/^BatchRequestTooLong: /),
      },
    });
    const [row] = await database.db.sql`select parked_at, emitted_at, parked_reason from events where id = ${parked}`;
    expect(row).toMatchObject({ parked_at: expect.any(Date), parked_reason: expect.stringContaining("TooLong") });
    // The relay marks events after it has sent them.
    await until(async () => {
      const [left] = await database.db.sql`select count(*)::int as count from events where emitted_at is null`;
      return left?.count === 0 || undefined;
    });
  },
);

test("a lane that can't send, with thousands of events, does not delay the other lanes", async () => {
  const stuck = await instanceInLane(2);
  const others = [await instanceInLane(0), await instanceInLane(1), await instanceInLane(3)];
  const events = Array.from({ length: 2_000 }, () => ({
    ...{ id: systemIds.uuid(), instanceId: stuck, at: new Date(), type: "connection.update" as const },
    data: { status: "connected" as const, reason: null },
  }));
  await appendEvents(database.db.sql, events);
  const ids = [];
  for (const instanceId of others) ids.push(await append(instanceId, "on another lane"));
  let fails = true;
  await startRelay(async (name, messages) => {
    if (fails && messages.some(({ groupId }) => groupId === stuck)) throw new Error("no answer for this lane");
    return await queues.sendBatch(name, messages);
  });
  const sent = await received(3);
  expect(sent.map(({ id }) => id).sort()).toEqual(ids.sort());
  const next = await append(others[0] ?? "", "while the lane is stuck");
  expect((await received(1)).map(({ id }) => id)).toEqual([next]);
  fails = false;
  const rest = await received(2_000);
  expect(rest.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
});

test("an event that the queue refuses for now stays, and no later event overtakes it", async () => {
  const { id: instanceId } = await database.createInstance();
  const ids = [await append(instanceId, "one"), await append(instanceId, "two"), await append(instanceId, "three")];
  let refusals = 2;
  await startRelay(async (name, messages) => {
    if (refusals-- <= 0) return await queues.sendBatch(name, messages);
    await queues.sendBatch(name, messages.slice(0, 1));
    return [{ index: 1, permanent: false, reason: "InternalError: try again" }];
  });
  expect((await received(3)).map(({ id }) => id)).toEqual(ids);
  const parked = await database.db
    .sql`select id from events where instance_id = ${instanceId} and parked_at is not null`;
  expect([...parked]).toEqual([]);
});

/** Removes an event from the outbox, so that only the relay's memory has it. */
const hide = async (events: readonly AppendedEvent[]) =>
  void (await database.db
    .sql`update events set emitted_at = now() where id = any(${events.map(({ id }) => id)}::uuid[])`);

/** Starts a relay that has sent an event of each instance, and so knows their numbers. */
async function warmRelay(instanceIds: readonly string[], sendBatch?: Queues["sendBatch"]): Promise<EventRelay> {
  const relay = await startRelay(sendBatch);
  await commit(...instanceIds);
  relay.nudge();
  await received(instanceIds.length);
  return relay;
}

test("the events of a commit are sent from memory, and once", async () => {
  const ids = [(await database.createInstance()).id, (await database.createInstance()).id];
  const [a = "", b = ""] = ids;
  const relay = await warmRelay(ids);
  const events = await commit(a, b, a, b);
  await hide(events);
  relay.publish(events, false);
  relay.publish(events, false);
  const sent = await received(4);
  expect(sent.filter(({ instanceId }) => instanceId === a).map(({ seq }) => seq)).toEqual([2, 3]);
  expect(sent.filter(({ instanceId }) => instanceId === b).map(({ seq }) => seq)).toEqual([2, 3]);
  const [event] = events;
  expect(sent.find(({ id }) => id === event?.id)).toEqual({
    ...{ v: 1, id: event?.id, instanceId: a, seq: 2, type: "connection.update", correlationId: event?.id },
    ...{ data: { status: "connected", reason: null }, at: event?.at.toISOString() },
  });
});

test("an event that another process appended before those of a commit is read from the log and sent before them", async () => {
  const { id } = await database.createInstance();
  const relay = await warmRelay([id]);
  const [foreign] = await commit(id);
  const own = await commit(id, id);
  relay.publish(own, false);
  expect((await received(3)).map((event) => event.id)).toEqual([foreign?.id, ...own.map((event) => event.id)]);
  const next = await commit(id);
  await hide(next);
  relay.publish(next, false);
  expect((await received(1)).map(({ seq }) => seq)).toEqual([5]);
});

test("events of commits during a failure of the queue are sent in order after it", async () => {
  const { id } = await database.createInstance();
  let failures = 2;
  const relay = await warmRelay([id], async (name, messages) => {
    if (messages.some(({ body }) => (JSON.parse(body) as EventEnvelope).seq > 1) && failures-- > 0)
      throw new Error("the queue is not available");
    return await queues.sendBatch(name, messages);
  });
  for (let round = 0; round < 5; round++) relay.publish(await commit(id, id), false);
  await until(async () => failures <= 0 || undefined);
  relay.publish(await commit(id), false);
  expect((await received(11)).map(({ seq }) => seq)).toEqual(Array.from({ length: 11 }, (_, index) => index + 2));
});

test("the next host sends the events that a killed host had committed, or sent and not recorded, under the same ids", async () => {
  const { id } = await database.createInstance();
  const sent: string[] = [];
  let takeOver: (() => Promise<unknown>) | undefined;
  const sendBatch: Queues["sendBatch"] = async (name, messages) => {
    const refused = await queues.sendBatch(name, messages);
    sent.push(...messages.map(({ deduplicationId = "" }) => deduplicationId));
    await takeOver?.();
    return refused;
  };
  const relay = await warmRelay([id], sendBatch);
  await until(async () => {
    const [left] = await database.db.sql`select count(*)::int as count from events where emitted_at is null`;
    return left?.count === 0 || undefined;
  });
  sent.length = 0;
  // The host loses its lease after the queue has accepted the event, so it records nothing.
  takeOver = () => database.takeLease();
  const [unrecorded] = await commit(id);
  relay.publish(unrecorded ? [unrecorded] : [], false);
  await until(async () => sent.length > 0 || undefined);
  takeOver = undefined;
  // The host dies between the commit and the relay.
  const [unsent] = await commit(id);
  await startRelay(sendBatch);
  await until(async () => (unsent && sent.includes(unsent.id)) || undefined);
  expect(sent).toEqual([unrecorded?.id, unrecorded?.id, unsent?.id]);
  // The queue drops the repetition.
  expect((await received(2)).map(({ seq }) => seq)).toEqual([2, 3]);
});

/** The number of pages that the relay's query touches when it reads a lane after a position. */
async function pagesRead(lane: number, after: number): Promise<number> {
  return await database.db.sql.begin(async (sql) => {
    await sql`set local enable_seqscan = off`;
    const [row] = await sql<{ "QUERY PLAN": { Plan: Record<string, number> }[] }[]>`
      explain (analyze, buffers, format json) ${outboxPage({ sql: database.db.sql }, 0, lane, after)}`;
    const plan = row?.["QUERY PLAN"][0]?.Plan;
    return (plan?.["Shared Hit Blocks"] ?? 0) + (plan?.["Shared Read Blocks"] ?? 0);
  });
}

test("a long snapshot doesn't make the relay read the events that it has sent", async () => {
  const id = await instanceInLane(1);
  const relay = await warmRelay([id]);
  const reader = await database.db.sql.reserve();
  await reader`begin isolation level repeatable read`;
  await reader`select count(*) from events`;
  const events = [];
  for (let batch = 0; batch < 10; batch++) {
    const some = await commit(...Array.from({ length: 200 }, () => id));
    relay.publish(some, false);
    events.push(...some);
  }
  await received(events.length);
  const last = events.at(-1)?.position ?? 0;
  await until(async () => (relay.positions[1] ?? 0) >= last || undefined);
  expect(await pagesRead(1, 0)).toBeGreaterThan(40);
  expect(await pagesRead(1, relay.positions[1] ?? 0)).toBeLessThan(10);
  await reader`rollback`;
  reader.release();
});

test("the cursor passes only events whose recording a crash of the server can't lose", async () => {
  const { sql } = database.db;
  await sql`alter system set wal_writer_delay = '10s'`;
  await sql`select pg_reload_conf()`;
  onTestFinished(async () => {
    await sql`alter system reset wal_writer_delay`;
    await sql`select pg_reload_conf()`;
  });
  const id = await instanceInLane(2);
  const relay = await warmRelay([id]);
  for (let round = 0; round < 3; round++) {
    const [event] = await commit(id);
    relay.publish(event ? [event] : [], false);
    await received(1);
    const recorded = await until(async () => {
      const [row] = await sql<{ lsn: string }[]>`
        select pg_current_wal_insert_lsn()::text as lsn from events where id = ${event?.id ?? ""} and emitted_at is not null`;
      return row?.lsn;
    });
    await until(async () => (relay.positions[2] ?? 0) >= (event?.position ?? 0) || undefined);
    const [row] = await sql`select pg_current_wal_flush_lsn() >= ${recorded}::pg_lsn as flushed`;
    expect(row).toEqual({ flushed: true });
  }
});

test("the relay reads no further than an event of a transaction that is not committed yet", async () => {
  const [early, late] = [await instanceInLane(3), await instanceInLane(3)];
  const relay = await warmRelay([early, late]);
  const other = await database.db.sql.reserve();
  await other`begin`;
  const [uncommitted] = await appendEvents(other, [
    {
      ...{ id: systemIds.uuid(), instanceId: early, at: new Date(), type: "connection.update" },
      data: { status: "connected", reason: "uncommitted" },
    },
  ]);
  const position = uncommitted?.position ?? 0;
  for (let round = 0; round < 3; round++) {
    relay.publish(await commit(late), false);
    await received(1);
    // Each look at the log takes the cursor further, as far as it may go.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
  }
  expect(relay.positions[3]).toBeLessThan(position);
  await other`commit`;
  other.release();
  expect((await received(1)).map((event) => event.id)).toEqual([uncommitted?.id]);
  await until(async () => (relay.positions[3] ?? 0) > position || undefined);
});
