import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../core/config.ts";
import { appendEvents } from "../../core/event/append.ts";
import type { EventEnvelope } from "../../core/event/catalog/index.ts";
import { Announcer } from "../../core/event-stream/announce.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import { createQueues, eventQueue, openQueues, type Queues } from "../../core/queue/index.ts";
import { startAws } from "../../local/aws/index.ts";
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
  onTestFinished(() => relay.stop());
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
