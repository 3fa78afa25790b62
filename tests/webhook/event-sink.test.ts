import { CreateQueueCommand, DeleteMessageBatchCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { startFauxqs } from "fauxqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../core/config.ts";
import { prune } from "../../core/db/prune.ts";
import { appendEvents } from "../../core/event/append.ts";
import { feedDueSinks, feedSinks, type SinkDeps } from "../../core/event-sink/feed.ts";
import { alignSinks } from "../../core/event-sink/setting.ts";
import { systemIds } from "../../core/id.ts";
import { openForeignQueues } from "../../core/queue/foreign.ts";
import { openQueues, type Queues } from "../../core/queue/index.ts";
import { startWorld, text, type World } from "../support/webhook/delivery-setup.ts";

const minute = 60_000;
const day = 24 * 60 * minute;

let world: World;
let sqs: Awaited<ReturnType<typeof startFauxqs>>;
let queues: Queues;
let deps: SinkDeps;
beforeAll(async () => {
  world = await startWorld();
  sqs = await startFauxqs({ port: 0, logger: false, host: "127.0.0.1" });
  queues = openQueues(readConfig({ SQS_ENDPOINT: `http://127.0.0.1:${sqs.port}` }));
  deps = { ...world.deps, foreignQueues: openForeignQueues(queues.client) };
});
afterAll(async () => {
  queues?.client.destroy();
  await sqs?.stop();
  await world?.stop();
});

let queueCount = 0;
async function newQueue(attributes: Record<string, string> = {}): Promise<string> {
  const QueueName = `switchboard-events-${++queueCount}.fifo`;
  await queues.client.send(new CreateQueueCommand({ QueueName, Attributes: { FifoQueue: "true", ...attributes } }));
  return QueueName;
}

async function newInstance(queue: string | null): Promise<string> {
  const id = await world.instance();
  await set(id, queue);
  return id;
}

async function set(id: string, queue: string | null): Promise<void> {
  await world.db.sql`update instances set event_queue = ${queue} where id = ${id}`;
  await alignSinks({ orm: world.db.orm, clock: world.clock }, { instanceId: id });
}

/** Appends received texts with these bodies and returns the event ids. */
async function append(instanceId: string, bodies: readonly string[], at = world.clock.now()): Promise<string[]> {
  const events = bodies.map((body) => ({
    id: systemIds.uuid(),
    instanceId,
    at,
    type: "message.received" as const,
    data: text(body),
  }));
  await appendEvents(world.db.sql, events);
  return events.map(({ id }) => id);
}

/** Receives and deletes all messages of a queue, and returns their bodies in the order of arrival. */
async function drain(queue: string): Promise<{ id: string; seq: number }[]> {
  const { QueueUrl } = { QueueUrl: await queues.url(queue.slice("switchboard-".length)) };
  const taken: { id: string; seq: number }[] = [];
  for (;;) {
    const { Messages = [] } = await queues.client.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 }),
    );
    if (Messages.length === 0) return taken;
    taken.push(...Messages.map(({ Body }) => JSON.parse(Body ?? "")));
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await queues.client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  }
}

const sink = async (id: string) => {
  const [row] = await world.db.sql`
    select queue, sent_seq::float8 as "sentSeq", failures, failing_since as "failingSince", error, next_at as "nextAt"
    from event_sinks where instance_id = ${id}`;
  return row;
};
const feed = (id: string, maxEvents = 500) => feedSinks(deps, [id], { budgetMs: minute, maxEvents });
const feedAllLagging = () => feedDueSinks(deps, { budgetMs: minute, maxEvents: 500 });

test("events that exceed the limit of a call, a query or a run are sent in several of them, in order", async () => {
  const queue = await newQueue();
  const id = await newInstance(queue);
  const ids = await append(
    id,
    Array.from({ length: 230 }, (_, index) => (index % 50 === 0 ? "x".repeat(400_000) : `${index} \uffff`)),
  );
  await feed(id, 100);
  expect((await sink(id))?.sentSeq).toBe(100);
  await feed(id);
  const events = await drain(queue);
  expect(events.map((event) => event.id)).toEqual(ids);
  expect(events.map((event) => event.seq)).toEqual(ids.map((_, index) => index + 1));
  expect(await feedAllLagging()).toEqual({ sent: 0 });
});

test("concurrent workers send each event once", async () => {
  const queue = await newQueue();
  const instances = [await newInstance(queue), await newInstance(queue), await newInstance(queue)];
  for (const id of instances) await append(id, ["one", "two", "three"]);
  const runs = await Promise.all([feedAllLagging(), feedAllLagging(), feedAllLagging()]);
  expect(runs.reduce((sum, { sent }) => sum + sent, 0)).toBe(9);
  const events = (await drain(queue)) as unknown as { instanceId: string; seq: number }[];
  for (const id of instances) {
    expect(events.flatMap((event) => (event.instanceId === id ? [event.seq] : []))).toEqual([1, 2, 3]);
  }
});

test("the pauses of a failing queue grow to an hour, and the queue gets every event when it recovers", async () => {
  const QueueName = `switchboard-events-${++queueCount}.fifo`;
  const id = await newInstance(QueueName);
  await append(id, ["while there is no queue"]);
  const pauses: number[] = [];
  for (let round = 0; round < 12; round++) {
    await feed(id);
    const row = await sink(id);
    expect(row).toMatchObject({ failures: round + 1, error: expect.stringMatching(/exist/i) });
    pauses.push(Math.round((row?.nextAt.getTime() - world.clock.now().getTime()) / 1000));
    await append(id, [`${round}`]);
    await feed(id);
    expect((await sink(id))?.failures, "a new event causes no attempt during the pause").toBe(round + 1);
    world.clock.advance(row?.nextAt.getTime() - world.clock.now().getTime());
  }
  expect(pauses.slice(0, 4)).toEqual([5, 10, 20, 40]);
  expect(pauses.at(-1)).toBe(3600);
  await queues.client.send(new CreateQueueCommand({ QueueName, Attributes: { FifoQueue: "true" } }));
  expect(await feedAllLagging()).toEqual({ sent: 13 });
  expect(await sink(id)).toMatchObject({ failures: 0, failingSince: null, error: null });
  expect((await drain(QueueName)).map(({ seq }) => seq)).toEqual(Array.from({ length: 13 }, (_, index) => index + 1));
});

test("a failing queue does not delay another", async () => {
  const good = await newQueue();
  const [failing, served] = [await newInstance("switchboard-events-nowhere.fifo"), await newInstance(good)];
  await append(failing, ["one"]);
  await append(served, ["one"]);
  expect(await feedAllLagging()).toEqual({ sent: 1 });
  expect(await drain(good)).toHaveLength(1);
});

test("an event that is too large for the queue is skipped and reported, and later events follow", async () => {
  const queue = await newQueue({ MaximumMessageSize: "2048" });
  const id = await newInstance(queue);
  const ids = await append(id, ["one", "two", "x".repeat(3000), "four"]);
  await feed(id);
  await feed(id);
  expect(await sink(id)).toMatchObject({ sentSeq: 5, failures: 0, error: null });
  const events = (await drain(queue)) as unknown as { seq: number; type: string; data: object }[];
  expect(events.map(({ seq }) => seq)).toEqual([1, 2, 4, 5]);
  expect(events.at(-1)).toMatchObject({
    type: "event.parked",
    data: { eventId: ids[2], sequence: 3, destination: "own_queue", reason: expect.stringContaining("shorter than") },
  });
});

test("a message that is refused for now holds back later messages and no earlier message", async () => {
  const queue = await newQueue();
  const id = await newInstance(queue);
  await append(id, ["one", "two", "three", "four"]);
  const refusing = {
    ...deps.foreignQueues,
    send: async () => [{ index: 2, permanent: false, reason: "InternalError: try again" }],
  };
  await feedSinks({ ...deps, foreignQueues: refusing }, [id], { budgetMs: minute, maxEvents: 500 });
  expect(await sink(id)).toMatchObject({ sentSeq: 2, failures: 1, error: "InternalError: try again" });
  world.clock.advance(minute);
  await feed(id);
  expect((await drain(queue)).map(({ seq }) => seq)).toEqual([3, 4]);
});

test("the events of a sink that a dead worker claimed are sent when the claim expires", async () => {
  const queue = await newQueue();
  const id = await newInstance(queue);
  await append(id, ["one"]);
  const hangingDeps = {
    ...deps,
    foreignQueues: { ...deps.foreignQueues, send: () => new Promise<never>(() => undefined) },
  };
  void feedSinks(hangingDeps, [id], { budgetMs: minute, maxEvents: 1 });
  await expect.poll(async () => (await sink(id))?.nextAt.getTime() > world.clock.now().getTime()).toBe(true);
  expect(await feedAllLagging()).toEqual({ sent: 0 });
  world.clock.advance(minute);
  expect(await feedAllLagging()).toEqual({ sent: 1 });
});

test("a new queue gets only later events, and its replacement also gets the events that were not sent", async () => {
  const [first, second] = [await newQueue(), await newQueue()];
  const id = await newInstance(null);
  await append(id, ["before"]);
  await set(id, first);
  await append(id, ["to the first"]);
  await feed(id);
  await append(id, ["not sent yet"]);
  await set(id, second);
  await append(id, ["to the second"]);
  await feed(id);
  expect((await drain(first)).map(({ seq }) => seq)).toEqual([2]);
  expect((await drain(second)).map(({ seq }) => seq)).toEqual([3, 4]);
  await set(id, null);
  await append(id, ["to nobody"]);
  expect(await sink(id)).toBeUndefined();
});

test("events are kept 30 days for their queue, which then continues with the oldest stored event", async () => {
  const queue = await newQueue();
  const id = await newInstance(queue);
  const old = new Date(world.clock.now().getTime() - 31 * day);
  await append(id, ["too old"], old);
  await append(id, ["not yet"], new Date(old.getTime() + 2 * day));
  await world.db.sql`
    update events set emitted_at = created_at, id = overlay(id::text placing '00000000-0000' from 1 for 13)::uuid
    where instance_id = ${id}`;
  await prune({ db: world.db, clock: world.clock, log: world.deps.log }, minute);
  await feed(id);
  expect((await drain(queue)).map(({ seq }) => seq)).toEqual([2]);

  await append(id, ["gone"]);
  await world.db.sql`delete from events where instance_id = ${id}`;
  await feed(id);
  expect(await sink(id)).toMatchObject({ sentSeq: 3, failures: 0 });
});

test("an event of an unknown type, which may contain secrets, is skipped", async () => {
  const queue = await newQueue();
  const id = await newInstance(queue);
  const [first] = await append(id, ["of a later version", "known"]);
  await world.db.sql`update events set type = 'what.ever', data = '{"secret":1}' where id = ${first ?? ""}`;
  await feed(id);
  expect((await drain(queue)).map(({ seq }) => seq)).toEqual([2]);
});
