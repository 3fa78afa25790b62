import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { receiverOfTest } from "../support/network/receiver-of-test.ts";
import type { WebhookReceiver } from "../support/network/webhook-receiver.ts";
import { functionTimeMs, startWorld, type World } from "../support/webhook/delivery-setup.ts";
import { startWorker } from "../support/webhook/worker-process.ts";

// The tests use a real database, which is slow on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
// A run takes everything that is due, so a test must not see deliveries of another one.
beforeEach(async () => {
  world.clock.reset();
  await world.db.sql`delete from deliveries`;
  await world.db.sql`delete from webhook_endpoints`;
});
afterAll(() => world.stop());

const minute = 60_000;
/** After this time every claim has expired. */
const claimMs = functionTimeMs + 60_000;
const bodies = (received: { body: string }[]) => received.map(({ body }) => JSON.parse(body).data.body);
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));

/** Waits until an instance has this number of stored deliveries. */
const stored = (instance: string, count: number) =>
  vi.waitFor(async () => expect(await world.deliveries(instance)).toHaveLength(count), { timeout: 20_000 });

/** Advances the clock by each step and returns how many attempts were made after each. */
async function attemptsAfter(receiver: WebhookReceiver, steps: number[]): Promise<number[]> {
  const attempts: number[] = [];
  for (const step of steps) {
    const before = receiver.received.length;
    world.clock.advance(step);
    await world.wake();
    attempts.push(receiver.received.length - before);
  }
  return attempts;
}

/** Responds with 500 to one text and with 200 to any other. */
const rejectText = (body: string) => (one: { body: string }, response: ServerResponse) =>
  response.writeHead(one.body.includes(`"body":"${body}"`) ? 500 : 200).end();

test("a failed delivery is retried maxRetries times with doubling intervals under one id", async () => {
  const receiver = await receiverOfTest(rejectText("1"));
  const instance = await world.instance({ url: receiver.url, maxRetries: 3, retryInterval: minute, secret: "plain" });
  await world.handle(world.texts(instance, 2));
  expect(bodies(receiver.received)).toEqual(["1", "2"]);
  // Just before and just after the end of each pause of 1, 2 and 4 minutes.
  const early = 5_000;
  const steps = [1, 2, 4].flatMap((minutes) => [minutes * minute - early, early + 1_000]);
  expect(await attemptsAfter(receiver, steps)).toEqual([0, 1, 0, 1, 0, 1]);
  expect(await attemptsAfter(receiver, [60 * minute])).toEqual([0]);

  const [delivery] = await world.deliveries(instance);
  expect(delivery).toMatchObject({ status: "failed", attempts: 4, reason: "exhausted" });
  expect((await world.attempts(delivery?.id ?? "")).map(({ number, status }) => [number, status])).toEqual(
    [1, 2, 3, 4].map((number) => [number, 500]),
  );
  const failed = receiver.received.filter((_, index) => index !== 1);
  const of = (name: string) => new Set(failed.map(({ headers }) => headers[name]));
  expect([of("webhook-id").size, of("x-webhook-signature").size, new Set(failed.map((r) => r.body)).size]).toEqual([
    1, 1, 1,
  ]);
  // Each attempt is signed with its own time.
  expect([of("webhook-timestamp").size, of("webhook-signature").size]).toEqual([4, 4]);
});

test("a delivery with maxRetries 0 gets one more attempt after its endpoint accepted another delivery, and then fails", async () => {
  const receiver = await receiverOfTest(rejectText("1"));
  const instance = await world.instance({ url: receiver.url, maxRetries: 0 });
  await world.handle(world.texts(instance, 2));
  expect(await attemptsAfter(receiver, [2 * minute, 60 * minute])).toEqual([1, 0]);
  expect(await world.deliveries(instance)).toMatchObject([
    { status: "failed", attempts: 2, reason: "exhausted" },
    { status: "succeeded" },
  ]);
});

test("a delivery that gets 410 Gone fails without a retry", async () => {
  const receiver = await receiverOfTest(410);
  const instance = await world.instance({ url: receiver.url });
  await world.handle(world.texts(instance, 1));
  expect(await world.deliveries(instance)).toMatchObject([{ status: "failed", attempts: 1, reason: "gone" }]);
});

test("after three consecutive failures new deliveries wait until a probe succeeds", async () => {
  const receiver = await receiverOfTest(500);
  const instance = await world.instance({ url: receiver.url });
  await world.handle(world.texts(instance, 10));
  expect(bodies(receiver.received)).toEqual(["1", "2", "3"]);
  await world.handle(world.texts(instance, 10));
  expect(receiver.received).toHaveLength(3);
  // Each probe is one attempt, until one succeeds.
  expect(await attemptsAfter(receiver, [minute + 1_000])).toEqual([1]);
  receiver.answer(200);
  await attemptsAfter(receiver, [5 * minute, 5 * minute]);
  expect(new Set(bodies(receiver.received))).toEqual(new Set(numbers(20)));
  expect((await world.deliveries(instance)).every(({ status }) => status === "succeeded")).toBe(true);
});

test("an event that an endpoint rejects does not block other events", async () => {
  const receiver = await receiverOfTest(rejectText("2"));
  const instance = await world.instance({ url: receiver.url, maxRetries: 2 });
  for (let i = 0; i < 6; i++) {
    await world.handle(world.texts(instance, 2));
    world.clock.advance(minute);
    await world.wake();
  }
  expect(bodies(receiver.received).filter((body) => body !== "2")).toEqual(numbers(12).filter((body) => body !== "2"));
  expect(bodies(receiver.received).filter((body) => body === "2")).toHaveLength(3);
});

test("a dead endpoint with a long backlog does not delay another instance", async () => {
  const held: ServerResponse[] = [];
  const dead = await receiverOfTest((_, response) => void held.push(response));
  const alive = await receiverOfTest(500);
  const [stuck, healthy] = [await world.instance({ url: dead.url }), await world.instance({ url: alive.url })];
  const past = new Date(world.clock.now().getTime() - 60 * minute).toISOString();
  await world.db.sql`
    insert into webhook_endpoints (instance_id, url, state, failures, failing_since, next_at)
    values (${stuck}, ${dead.url}, 'parked', 3, ${past}, ${past})`;
  await world.db.sql`
    insert into deliveries (id, instance_id, event_id, event_seq, event_type, url, body, next_at, created_at)
    select gen_random_uuid(), ${stuck}, gen_random_uuid(), n, 'message.received', ${dead.url}, '{}', 'infinity',
      ${past}::timestamptz
    from generate_series(1, 5000) n`;
  await world.handle(world.texts(healthy, 2));
  alive.answer(200);
  world.clock.advance(minute + 1_000);
  const run = world.wake();
  await alive.count(4);
  await vi.waitFor(async () =>
    expect((await world.deliveries(healthy)).map(({ status }) => status)).toEqual(["succeeded", "succeeded"]),
  );
  expect(await Promise.race([run, "still waiting"])).toBe("still waiting");
  for (const response of held) response.writeHead(503).end();
  await run;
  expect(dead.received).toHaveLength(1);
  expect(await world.endpoint(stuck)).toEqual({ state: "parked", failures: 4 });
});

test("two concurrent runs do not take the same delivery", async () => {
  const receiver = await receiverOfTest(500);
  const instances = await Promise.all(Array.from({ length: 8 }, () => world.instance({ url: receiver.url })));
  await Promise.all(instances.map((id) => world.handle(world.texts(id, 2))));
  const before = receiver.received.length;
  receiver.answer(200);
  world.clock.advance(minute + 1_000);
  await Promise.all([world.wake(), world.wake(), world.wake()]);
  expect(receiver.received.length - before).toBe(16);
});

test("a run takes at most the given number of deliveries", async () => {
  const receiver = await receiverOfTest(500);
  const instance = await world.instance({ url: receiver.url });
  await world.handle(world.texts(instance, 10));
  receiver.answer(200);
  world.clock.advance(10 * minute);
  expect(await world.wake({ maxDeliveries: 4 })).toEqual({ tried: 4 });
  expect(await world.wake({ perEndpoint: 2 })).toEqual({ tried: 6 });
});

test("waiting deliveries are sent to a changed URL at once and in order", async () => {
  const [old, current] = [await receiverOfTest(500), await receiverOfTest()];
  const instance = await world.instance({ url: old.url });
  await world.handle(world.texts(instance, 5));
  await world.db.sql`update instances set webhook_url = ${current.url} where id = ${instance}`;
  await world.handle(world.texts(instance, 1));
  expect(bodies(current.received)).toEqual([]);
  await world.wake();
  expect(bodies(current.received)).toEqual(numbers(6));
  expect(old.received).toHaveLength(3);
});

test("waiting deliveries fail when their webhook is disabled", async () => {
  const receiver = await receiverOfTest(500);
  const instance = await world.instance({ url: receiver.url });
  await world.handle(world.texts(instance, 1));
  await world.db.sql`update instances set webhook_enabled = false where id = ${instance}`;
  expect(await attemptsAfter(receiver, [10 * minute])).toEqual([0]);
  expect(await world.deliveries(instance)).toMatchObject([{ status: "failed", attempts: 1 }]);
});

test("a stored body that can't be decrypted fails without blocking later deliveries", async () => {
  const receiver = await receiverOfTest(500);
  const instance = await world.instance({ url: receiver.url, maxRetries: 0 });
  await world.handle(world.texts(instance, 2));
  await world.db.sql`update deliveries set body = 'sealed:AAAA' where instance_id = ${instance} and event_seq = 1`;
  receiver.answer(200);
  await attemptsAfter(receiver, [10 * minute, 10 * minute]);
  expect((await world.deliveries(instance)).map(({ status }) => status)).toEqual(["failed", "succeeded"]);
});

test("a delivery is sent again under the same id when its worker is killed during the request", async () => {
  const receiver = await receiverOfTest(() => {});
  const instance = await world.instance({ url: receiver.url });
  const records = world.texts(instance, 2);
  const worker = startWorker(world, records);
  await receiver.count(1);
  // The response takes long, so that the deliveries are stored before it.
  await stored(instance, 2);
  await worker.kill();
  // The lease of the killed worker outlasts the test. The claim ends even so, at the latest after the time of a run.
  await world.db.sql`update claim_leases set until = clock_timestamp() + interval '1 hour'`;

  receiver.answer(200);
  expect(await world.handle(records)).toEqual([]);
  await world.wake();
  expect(receiver.received).toHaveLength(1);
  world.clock.advance(claimMs);
  await world.wake();
  expect(bodies(receiver.received)).toEqual(["1", "1", "2"]);
  expect(receiver.received[1]?.headers["webhook-id"]).toBe(receiver.received[0]?.headers["webhook-id"]);
  expect((await world.deliveries(instance)).map(({ status }) => status)).toEqual(["succeeded", "succeeded"]);
});

test.each([
  ["that is not stored yet", "table"],
  ["that is stored", "row"],
] as const)(
  "a delivery %s is sent again under the same id when its worker dies before recording the result",
  async (_, blocked) => {
    let answered = () => {};
    const posted = new Promise<void>((resolve) => {
      answered = resolve;
    });
    const { sql } = world.db;
    let release = () => {};
    let locked: Promise<unknown> | undefined;
    const receiver = await receiverOfTest(async (_, response) => {
      if (blocked === "row") await stored(instance, 1);
      // The lock is taken before the response, so the worker has delivered but can't record the result.
      locked = sql.begin(async (tx) => {
        if (blocked === "table") await tx`lock table deliveries in share mode`;
        await tx`select 1 from deliveries where instance_id = ${instance} for update`;
        response.end("ok");
        answered();
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      });
    });
    const instance = await world.instance({ url: receiver.url });
    const records = world.texts(instance, 1);
    const worker = startWorker(world, records);
    await posted;
    const waiting = () =>
      sql<{ pid: number }[]>`
      select pid from pg_stat_activity where application_name = 'switchboard-webhook' and wait_event_type = 'Lock'`;
    await vi.waitFor(async () => expect(await waiting()).toHaveLength(1), { timeout: 20_000 });
    await worker.kill();
    // The database would still run the statement of the killed worker. End it, as if the worker's machine were gone.
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'switchboard-webhook'`;
    release();
    await locked;

    receiver.answer(200);
    world.clock.advance(claimMs);
    expect(await world.deliveries(instance)).toHaveLength(blocked === "row" ? 1 : 0);
    expect(await world.handle(records)).toEqual([]);
    await world.wake();
    const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
    expect(await world.deliveries(instance)).toMatchObject([{ status: "succeeded", attempts: 1 }]);
  },
);

test("a delivery whose row is locked does not delay the results of other endpoints of the same run", async () => {
  const [slow, fast] = await Promise.all([receiverOfTest(500), receiverOfTest(500)]);
  const locked = await world.instance({ url: slow.url });
  const other = await world.instance({ url: fast.url });
  await world.handle([...world.texts(locked, 1), ...world.texts(other, 1)]);
  const release = Promise.withResolvers<void>();
  let lock: Promise<unknown> = Promise.resolve();
  // Locks the delivery after the worker has claimed it.
  slow.answer((_, response) => {
    lock = world.db.sql.begin(async (sql) => {
      await sql`select from deliveries where instance_id = ${locked} for update`;
      response.writeHead(200).end();
      await release.promise;
    });
  });
  fast.answer(async (_, response) => {
    const waiting = () => world.db.sql`select from pg_locks where not granted`;
    await vi.waitFor(async () => expect(await waiting()).not.toEqual([]), { timeout: 20_000, interval: 20 });
    response.writeHead(200).end();
  });
  world.clock.advance(2 * minute);
  const run = world.wake();
  const succeeded = [{ status: "succeeded", attempts: 2 }];
  try {
    await vi.waitFor(async () => expect(await world.deliveries(other)).toMatchObject(succeeded), { timeout: 20_000 });
    expect(await world.deliveries(locked)).toMatchObject([{ status: "pending", attempts: 1 }]);
  } finally {
    release.resolve();
  }
  await Promise.all([lock, run]);
  expect(await world.deliveries(locked)).toMatchObject(succeeded);
});
