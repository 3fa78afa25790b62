import { mkdtemp, rm } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { readConfig } from "../../../core/config.ts";
import { Claims } from "../../../core/db/claim-lease.ts";
import { createQueues, eventQueue, openQueues, type Queues } from "../../../core/queue/index.ts";
import { sqsFor } from "../../../core/queue/service.ts";
import { defaultLimits } from "../../../core/webhook/delivery/pace.ts";
import { createWebhookHandler } from "../../../functions/webhook/handler.ts";
import { type LocalAws, startAws } from "../../../local/aws/index.ts";
import { eventSources } from "../../../local/gateway/functions.ts";
import { startEventSource } from "../../../local/lambda/event-source.ts";
import { receiverOfTest } from "../../support/network/receiver-of-test.ts";
import { type QueueRecord, startWorld, type World } from "../../support/webhook/delivery-setup.ts";
import { startWorker } from "../../support/webhook/worker-process.ts";

// The tests use a real database, which is slow on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
let aws: LocalAws;
let queues: Queues;
let folder: string;
let other: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-fairness-"));
  [world, aws] = await Promise.all([startWorld(), startAws({ dataDir: folder })]);
  const { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } = aws.credentials;
  const config = readConfig({ SQS_ENDPOINT: aws.endpoint, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY });
  queues = openQueues(config);
  await createQueues(queues, config);
  other = await world.user("bob@example.com");
});
beforeEach(async () => {
  world.clock.reset();
  await world.db.sql`delete from deliveries`;
  await world.db.sql`delete from webhook_endpoints`;
  await world.db.sql`delete from webhook_paces`;
});
afterAll(async () => {
  queues.client.destroy();
  await world.stop();
  await aws.stop();
  await rm(folder, { recursive: true, force: true });
});

const bodies = (received: { body: string }[]) => received.map(({ body }) => JSON.parse(body).data.body);
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));

/** Starts a receiver that responds only when the test releases it. */
async function hangingReceiver() {
  const held: ServerResponse[] = [];
  let released = false;
  const receiver = await receiverOfTest((_, response) => {
    if (released) response.writeHead(200).end();
    else held.push(response);
  });
  const release = () => {
    released = true;
    for (const response of held.splice(0)) response.writeHead(200).end();
  };
  return { receiver, held, release };
}

/** Connects the event queue and the webhook function, as a local run does. */
async function startWebhookFunction(): Promise<void> {
  const source = eventSources.find(({ name }) => name === "webhook");
  if (!source) throw new Error("the webhook function has no event source");
  const { queue, ...options } = source;
  const client = new SQSClient(aws.clientConfig);
  const sqs = sqsFor(readConfig({ SQS_ENDPOINT: aws.endpoint }), client);
  const handler = createWebhookHandler(async () => ({ ...world.deps, queues }));
  const url = await queues.url(queue);
  const started = await startEventSource({ ...options, handler, sqs, queueUrl: url, batchSize: 10 });
  onTestFinished(async () => {
    await started.stop();
    client.destroy();
  });
}

/** Puts records on the event queue, in order for each instance. */
async function publish(instanceId: string, records: readonly QueueRecord[]): Promise<void> {
  const messages = records.map(({ messageId, body }) => ({ body, groupId: instanceId, deduplicationId: messageId }));
  expect(await queues.sendBatch(eventQueue, messages)).toEqual([]);
}

/** Waits until the event queue has no messages. */
const emptied = () =>
  vi.waitFor(
    async () => {
      const { waiting, inFlight } = await queues.depth(eventQueue, AbortSignal.timeout(5_000));
      expect(waiting + inFlight).toBe(0);
    },
    { timeout: 20_000 },
  );

const pendingOf = async (instanceId: string) =>
  (await world.deliveries(instanceId)).map(({ status, next_at }) => ({
    status,
    backlog: next_at === Number.POSITIVE_INFINITY,
  }));

test("a user's 60 hanging endpoints don't delay another user's webhook", async () => {
  const { receiver: hanging, held, release } = await hangingReceiver();
  onTestFinished(release);
  const fast = await receiverOfTest();
  const slow = await Promise.all(Array.from({ length: 60 }, () => world.instance({ url: hanging.url })));
  const healthy = await world.instance({ url: fast.url, userId: other });
  await startWebhookFunction();
  for (const instance of slow) await publish(instance, world.texts(instance, 10));
  // More endpoints hang than the local function has pollers.
  await vi.waitFor(() => expect(held.length).toBeGreaterThan(10), { timeout: 20_000 });
  const started = performance.now();
  await publish(healthy, world.texts(healthy, 3));
  await fast.count(3);
  // Attempts end after 15 s. A webhook that waited for one of them would take longer.
  expect(performance.now() - started).toBeLessThan(8_000);
  expect(bodies(fast.received)).toEqual(numbers(3));
  // Everything of the slow user is stored, although most of its endpoints were not tried.
  await vi.waitFor(
    async () => {
      const [row] = await world.db.sql`
        select count(*)::int as stored from deliveries where instance_id = any(${slow}::uuid[])`;
      expect(row?.stored).toBeGreaterThan(60);
    },
    { timeout: 20_000 },
  );
  expect(held.length).toBeLessThan(60);
  release();
});

test("an endpoint that hangs gets one request, and its other events follow in order from its backlog", async () => {
  const { receiver, held, release } = await hangingReceiver();
  const instance = await world.instance({ url: receiver.url });
  const handled = world.handle(world.texts(instance, 4), { limits: { slowMs: 100, perUser: 32 } });
  await vi.waitFor(() => expect(held).toHaveLength(1));
  await vi.waitFor(async () => expect(await busyInstances()).toEqual([instance]), { timeout: 5_000 });
  release();
  expect(await handled).toEqual([]);
  expect(bodies(receiver.received)).toEqual(["1"]);
  expect(await pendingOf(instance)).toEqual([
    { status: "succeeded", backlog: false },
    ...Array(3).fill({ status: "pending", backlog: true }),
  ]);
  expect(await busyInstances()).toEqual([]);
  // New events don't occupy a worker again, because the endpoint is known to be slow.
  await world.handle(world.texts(instance, 1), { limits: { slowMs: 100, perUser: 32 } });
  expect(receiver.received).toHaveLength(1);
  await world.wake();
  expect(bodies(receiver.received)).toEqual(numbers(5));
  expect((await world.deliveries(instance)).map(({ status, attempts }) => [status, attempts])).toEqual(
    Array(5).fill(["succeeded", 1]),
  );
});

test("a run of the retry worker also serves events that reach a slow endpoint during the run", async () => {
  const { receiver, release } = await hangingReceiver();
  release();
  const instance = await world.instance({ url: receiver.url });
  const setSlow = () => world.db.sql`
    insert into webhook_paces (instance_id, url, average_ms) values (${instance}, ${receiver.url}, 14000)
    on conflict (instance_id) do update set average_ms = 14000`;
  await setSlow();
  await world.handle(world.texts(instance, 1));
  let later = world.texts(instance, 2);
  const sleep = async (ms: number) => {
    world.clock.advance(ms);
    const records = later;
    later = [];
    if (records.length === 0 || receiver.received.length === 0) return;
    await setSlow();
    await world.handle(records);
    expect(receiver.received).toHaveLength(1);
  };
  await setSlow();
  await world.wake({}, { sleep, limits: { slowMs: 100, perUser: 32 } });
  expect(bodies(receiver.received)).toEqual(numbers(3));
});

test("an endpoint that is fast again is served directly again", async () => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: receiver.url });
  await world.db.sql`
    insert into webhook_paces (instance_id, url, average_ms) values (${instance}, ${receiver.url}, ${14_000})`;
  await world.handle(world.texts(instance, 8));
  expect(receiver.received).toEqual([]);
  await world.wake();
  expect(bodies(receiver.received)).toEqual(numbers(8));
  expect(await world.db.sql`select 1 from webhook_paces`).toHaveLength(0);
  await world.handle(world.texts(instance, 1));
  expect(bodies(receiver.received)).toEqual(numbers(9));
});

test("another URL of an instance is not slow because the previous URL was", async () => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: receiver.url });
  await world.db.sql`
    insert into webhook_paces (instance_id, url, average_ms) values (${instance}, 'https://example.com/', 14000)`;
  await world.handle(world.texts(instance, 1));
  expect(bodies(receiver.received)).toEqual(["1"]);
});

test("a user whose endpoints keep too many workers waiting gets no further worker, and other users do", async () => {
  const [receiver, others] = [await receiverOfTest(), await receiverOfTest()];
  const mine = await Promise.all(Array.from({ length: 3 }, () => world.instance({ url: receiver.url })));
  const foreign = await world.instance({ url: others.url, userId: other });
  const until = new Date(world.clock.now().getTime() + 60_000).toISOString();
  await world.db.sql`
    insert into webhook_paces (instance_id, url, average_ms, busy_until)
    select id, webhook_url, 0, ${until}::timestamptz from instances where id = any(${mine.slice(0, 2)}::uuid[])`;
  const limits = { ...defaultLimits, perUser: 2 };
  const [third = ""] = mine.slice(2);
  await world.handle([...world.texts(third, 1), ...world.texts(foreign, 1)], { limits });
  expect([receiver.received.length, others.received.length]).toEqual([0, 1]);
  expect(await pendingOf(third)).toEqual([{ status: "pending", backlog: true }]);
  await world.wake({}, { limits });
  expect((await world.deliveries(third)).map(({ status }) => status)).toEqual(["succeeded"]);
});

test("endpoints that kept a worker waiting that died don't count as busy", async () => {
  const { receiver: hanging } = await hangingReceiver();
  const receiver = await receiverOfTest();
  const slow = await world.instance({ url: hanging.url });
  const worker = startWorker(world, world.texts(slow, 1));
  const isBusy = async () => {
    const [row] = await world.db.sql`select busy_by from webhook_paces where instance_id = ${slow}`;
    return row?.busy_by ? true : undefined;
  };
  await vi.waitFor(async () => expect(await isBusy()).toBe(true), { timeout: 20_000 });
  await worker.kill();
  // The lease of this process stays valid, because later tests use it.
  await world.db.sql`
    update claim_leases set until = clock_timestamp() - interval '1 ms'
    where id in (select busy_by from webhook_paces where instance_id = ${slow})`;
  const next = await world.instance({ url: receiver.url });
  const limits = { ...defaultLimits, perUser: 1 };
  const claims = new Claims(world.deps);
  await world.handle(world.texts(next, 1), { limits, claims });
  expect(bodies(receiver.received)).toEqual(["1"]);
});

test("an endpoint that hangs doesn't delay the next events of other instances in its batch", async () => {
  const { receiver: hanging, held, release } = await hangingReceiver();
  onTestFinished(release);
  const fast = await receiverOfTest();
  const [slow, healthy] = [await world.instance({ url: hanging.url }), await world.instance({ url: fast.url })];
  // Both are on the queue before the function starts, so that they are in one batch.
  await publish(slow, world.texts(slow, 2));
  await publish(healthy, world.texts(healthy, 1));
  await startWebhookFunction();
  await vi.waitFor(() => expect(held).toHaveLength(1), { timeout: 20_000 });
  await fast.count(1);
  const started = performance.now();
  await publish(healthy, world.texts(healthy, 2));
  await fast.count(3);
  expect(performance.now() - started).toBeLessThan(8_000);
  expect(bodies(fast.received)).toEqual(numbers(3));
  expect(held).toHaveLength(1);
  release();
  await emptied();
  expect(hanging.received.length + fast.received.length).toBeLessThanOrEqual(5);
});

test("an endpoint that hangs doesn't delay the next events of another endpoint of its instance", async () => {
  const { receiver: hanging, held, release } = await hangingReceiver();
  onTestFinished(release);
  const fast = await receiverOfTest();
  const instance = await world.instance({ url: hanging.url });
  const second = await world.addEndpoint(instance, { url: fast.url });
  // The attempt lasts until the test releases it, also on a busy machine.
  await world.db.sql`update instances set webhook_timeout_ms = 40000 where id = ${instance}`;
  await startWebhookFunction();
  await publish(instance, world.texts(instance, 2));
  await vi.waitFor(() => expect(held).toHaveLength(1), { timeout: 20_000 });
  await fast.count(2);
  for (const done of [3, 4, 5]) {
    await publish(instance, world.texts(instance, 1));
    await fast.count(done);
  }
  // All of this happened during the first attempt at the endpoint that hangs, and its later events wait in its backlog.
  expect(hanging.received).toHaveLength(1);
  expect(bodies(fast.received)).toEqual(numbers(5));
  expect(await world.endpoint(instance)).toEqual({ state: "draining", failures: 0 });
  await emptied();
  release();
  await vi.waitFor(
    async () => {
      await world.wake();
      expect(bodies(hanging.received)).toEqual(numbers(5));
    },
    { timeout: 20_000 },
  );
  const rows = await world.deliveries(instance);
  expect(rows.map(({ status, attempts }) => [status, attempts])).toEqual(Array(10).fill(["succeeded", 1]));
  expect(rows.filter(({ endpoint_id }) => endpoint_id === second)).toHaveLength(5);
  await vi.waitFor(async () => expect(await world.endpoint(instance)).toBeUndefined(), { timeout: 20_000 });
});

test("an endpoint that times out is parked, and gets each event when it recovers", async () => {
  const { receiver, release } = await hangingReceiver();
  const instance = await world.instance({ url: receiver.url });
  const changes = { timeoutMs: 300, limits: { slowMs: 100, perUser: 32 } };
  await world.handle(world.texts(instance, 5), changes);
  expect(receiver.received).toHaveLength(1);
  await world.wake({}, changes);
  expect(await world.endpoint(instance)).toEqual({ state: "parked", failures: 3 });
  expect(receiver.received).toHaveLength(3);
  await world.handle(world.texts(instance, 1), changes);
  expect(receiver.received).toHaveLength(3);
  release();
  world.clock.advance(10 * 60_000);
  await world.wake({}, changes);
  expect(new Set(bodies(receiver.received.slice(3)))).toEqual(new Set(numbers(6)));
  expect(receiver.received).toHaveLength(9);
  expect((await world.deliveries(instance)).every(({ status }) => status === "succeeded")).toBe(true);
});

test("slow endpoints of one user leave the retry worker places for other users and for fast endpoints", async () => {
  const { receiver: hanging, held, release } = await hangingReceiver();
  const { receiver: alsoHanging, held: alsoHeld, release: releaseAlso } = await hangingReceiver();
  const fast = await receiverOfTest();
  const slow = await Promise.all(Array.from({ length: 12 }, () => world.instance({ url: hanging.url })));
  const [otherSlow, healthy] = [
    await world.instance({ url: alsoHanging.url, userId: other }),
    await world.instance({ url: fast.url, userId: other }),
  ];
  await world.db.sql`
    insert into webhook_paces (instance_id, url, average_ms)
    select id, webhook_url, 14000 from instances where id = any(${[...slow, otherSlow]}::uuid[])`;
  for (const instance of slow) await world.handle(world.texts(instance, 2));
  world.clock.advance(1_000);
  const run = world.wake({ parallel: 8 }, { limits: { slowMs: 2_000, perUser: 3 } });
  await vi.waitFor(() => expect(held).toHaveLength(3));
  await world.handle(world.texts(otherSlow, 1));
  await vi.waitFor(() => expect(alsoHeld).toHaveLength(1), { timeout: 10_000 });
  fast.answer(500);
  await world.handle(world.texts(healthy, 1));
  fast.answer(200);
  world.clock.advance(90_000);
  await fast.count(2);
  expect(held).toHaveLength(3);
  release();
  releaseAlso();
  await run;
  expect(hanging.received.length).toBeGreaterThanOrEqual(24);
});

async function busyInstances(): Promise<string[]> {
  const rows = await world.db.sql<{ instance_id: string }[]>`
    select instance_id from webhook_paces where busy_until is not null`;
  return rows.map((row) => row.instance_id);
}
