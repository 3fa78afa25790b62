import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { Database } from "../../core/db/index.ts";
import { drainPerSecond } from "../../core/webhook/delivery/circuit-breaker.ts";
import { receiverOfTest } from "../support/network/receiver-of-test.ts";
import type { ReceivedRequest } from "../support/network/webhook-receiver.ts";
import { functionTimeMs, startWorld, type World } from "../support/webhook/delivery-setup.ts";

// The tests use a real database, which is slow on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
beforeEach(async () => {
  world.clock.reset();
  await world.db.sql`delete from deliveries`;
  await world.db.sql`delete from webhook_endpoints`;
});
afterAll(() => world.stop());

const seconds = 1_000;
const minutes = 60 * seconds;
const hours = 60 * minutes;
/** After this time every claim has expired. */
const claimMs = functionTimeMs + 60_000;
const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index + 1));
const textOf = (one: ReceivedRequest): string => JSON.parse(one.body).data.body;

/** Starts an endpoint that rejects texts as set with `accepts`, and records the accepted texts with the world's time. */
async function startEndpoint(initially: boolean) {
  let accepts: (text: string) => boolean = () => initially;
  const accepted: { text: string; id: string; at: number }[] = [];
  const receiver = await receiverOfTest((one, response) => {
    const text = textOf(one);
    const good = accepts(text);
    if (good) accepted.push({ text, id: one.headers["webhook-id"] ?? "", at: world.clock.now().getTime() });
    response.writeHead(good ? 200 : 503).end();
  });
  return {
    url: receiver.url,
    received: receiver.received,
    accepted,
    texts: () => accepted.map(({ text }) => text),
    accepts: (which: boolean | ((text: string) => boolean)) => {
      accepts = typeof which === "boolean" ? () => which : which;
    },
  };
}

const statuses = async (instanceId: string) =>
  new Set((await world.deliveries(instanceId)).map(({ status }) => status));

/** Returns the highest number of `times` within any period of `ms` milliseconds. */
function most(times: readonly number[], ms: number): number {
  let from = 0;
  return times.reduce((best, at, index) => {
    while ((times[from] ?? at) < at - ms) from++;
    return Math.max(best, index - from + 1);
  }, 0);
}

test.each([
  ["once a minute", 1 * minutes],
  ["every 2 s", 2 * seconds],
])(
  "an endpoint that recovers after an hour gets every event once, in order, at a bounded rate (cron %s)",
  async (_, period) => {
    const [patient, strict] = [await startEndpoint(false), await startEndpoint(false)];
    const targets = [
      { endpoint: patient, id: await world.instance({ url: patient.url }) },
      { endpoint: strict, id: await world.instance({ url: strict.url, maxRetries: 0 }) },
    ];
    const perMinute = 4;
    // Draws the shortest and the longest pause in turn.
    let drawn = 0;
    const random = () => drawn++ % 2;
    let eventCount = 0;
    let next = world.clock.now().getTime();
    const pass = async (ms: number, step = period) => {
      for (const end = world.clock.now().getTime() + ms; world.clock.now().getTime() < end; ) {
        if (world.clock.now().getTime() >= next) {
          next += 1 * minutes;
          // The first events are in separate batches.
          const batches = eventCount === 0 ? Array(perMinute).fill(1) : [perMinute];
          for (const count of batches) {
            eventCount += count;
            await world.handle(
              targets.flatMap(({ id }) => world.texts(id, count)),
              { random },
            );
          }
        }
        world.clock.advance(step);
        await world.wake({}, { random });
      }
    };
    await pass(3 * minutes);
    // Nothing happens between the few probes, so larger steps are enough.
    await pass(56 * minutes, 1 * minutes);
    await pass(1 * minutes);
    for (const { endpoint, id } of targets) {
      expect(await statuses(id)).toEqual(new Set(["pending"]));
      // Three failed attempts, and then probes with growing pauses.
      expect(endpoint.received.length).toBeLessThan(15);
      endpoint.accepts(true);
    }
    // The next probe is within the longest pause. The drain follows, together with new events.
    for (let minute = 0; minute < 75; minute++) {
      await pass(1 * minutes);
      if ((await world.db.sql`select 1 from webhook_endpoints`).length === 0) break;
    }
    for (const { endpoint, id } of targets) {
      expect(endpoint.texts()).toEqual(numbers(eventCount));
      expect(new Set(endpoint.accepted.map((one) => one.id)).size).toBe(eventCount);
      expect(await statuses(id)).toEqual(new Set(["succeeded"]));
      expect(await world.endpoint(id)).toBeUndefined();
      const times = endpoint.accepted.map(({ at }) => at);
      expect(most(times, 10 * seconds)).toBeLessThanOrEqual(11 * drainPerSecond);
      // The drain is not slow either: it delivers the backlog of an hour within a minute.
      const [first = 0, last = Number.POSITIVE_INFINITY] = [times[0], times[59 * perMinute]];
      expect(last - first).toBeLessThan(60 * seconds);
    }
  },
);

test("new events join a draining backlog, and overlapping runs do not drain it concurrently", async () => {
  const endpoint = await startEndpoint(false);
  const instance = await world.instance({ url: endpoint.url });
  await world.handle(world.texts(instance, 100));
  endpoint.accepts(true);
  world.clock.advance(2 * minutes);
  const runs = [world.wake(), world.wake(), world.wake()];
  for (let i = 0; i < 10; i++) await world.handle(world.texts(instance, 5));
  await Promise.all(runs);
  await world.wake();
  expect(endpoint.texts()).toEqual(numbers(150));
  expect(await world.endpoint(instance)).toBeUndefined();
});

test("an endpoint that fails again while its backlog drains is parked again, and nothing is lost", async () => {
  const endpoint = await startEndpoint(false);
  const instance = await world.instance({ url: endpoint.url, maxRetries: 0 });
  await world.handle(world.texts(instance, 50));
  for (const until of [10, 30]) {
    endpoint.accepts((text) => Number(text) <= until);
    world.clock.advance(2 * hours);
    await world.wake();
    expect(await world.endpoint(instance)).toEqual({ state: "parked", failures: 3 });
  }
  endpoint.accepts(true);
  world.clock.advance(2 * hours);
  await world.wake();
  expect(endpoint.texts()).toEqual(numbers(50));
  expect(await statuses(instance)).toEqual(new Set(["succeeded"]));
});

test("a poison delivery that parks its endpoint delays the other deliveries by one probe, and then fails", async () => {
  const endpoint = await startEndpoint(true);
  endpoint.accepts((text) => text !== "1");
  const instance = await world.instance({ url: endpoint.url });
  await world.handle(world.texts(instance, 1));
  for (let i = 0; i < 2; i++) {
    world.clock.advance(3 * minutes);
    await world.wake();
  }
  expect(await world.endpoint(instance)).toEqual({ state: "parked", failures: 3 });
  await world.handle(world.texts(instance, 20));
  expect(endpoint.accepted).toEqual([]);
  world.clock.advance(2 * minutes);
  await world.wake();
  expect(endpoint.texts()).toEqual(numbers(21).slice(1));
  for (let i = 0; i < 20; i++) {
    world.clock.advance(1 * hours);
    await world.wake();
  }
  const [poison] = await world.deliveries(instance);
  expect(poison).toMatchObject({ status: "failed", reason: "exhausted", tries: 6 });
  expect(poison?.attempts).toBeLessThan(10);
  expect(await world.endpoint(instance)).toBeUndefined();
});

test("many poison deliveries in one backlog do not block the other deliveries", async () => {
  const endpoint = await startEndpoint(false);
  const instance = await world.instance({ url: endpoint.url, maxRetries: 2 });
  await world.handle(world.texts(instance, 60));
  const good = (text: string) => Number(text) % 5 > 1 || Number(text) > 60;
  endpoint.accepts(good);
  const failed = async () => {
    const rows = await world.deliveries(instance);
    return rows.filter(({ status }) => status === "failed").map((row) => String(row.event_seq));
  };
  const [accepted, refused] = [numbers(72).filter(good), numbers(72).filter((text) => !good(text))];
  // Each run has a limited time, so a slow machine needs more than twelve runs.
  for (let run = 0; run < 12 || (run < 60 && (await failed()).length < refused.length); run++) {
    world.clock.advance(1 * hours);
    await world.wake();
    if (run < 12) await world.handle(world.texts(instance, 1));
  }
  expect(new Set(endpoint.texts())).toEqual(new Set(accepted));
  expect(endpoint.accepted).toHaveLength(accepted.length);
  expect(await failed()).toEqual(refused);
});

test("after five days without a success the webhook is disabled once, and the backlog can be replayed", async () => {
  const endpoint = await startEndpoint(false);
  const instance = await world.instance({ url: endpoint.url });
  await world.handle(world.texts(instance, 10));
  const enabled = async () => {
    const [row] = await world.db.sql`select webhook_enabled from instances where id = ${instance}`;
    return row?.webhook_enabled;
  };
  for (let hour = 0; hour < 5 * 24 - 3; hour += 3) {
    world.clock.advance(3 * hours);
    await world.wake();
  }
  expect(await enabled()).toBe(true);
  for (let hour = 0; hour < 9; hour += 3) {
    world.clock.advance(3 * hours);
    await Promise.all([world.wake(), world.wake()]);
  }
  expect(await enabled()).toBe(false);
  const tries = endpoint.received.length;
  await world.handle(world.texts(instance, 1));
  world.clock.advance(10 * hours);
  await world.wake();
  expect(endpoint.received).toHaveLength(tries);
  const events = await world.db.sql`select type, data from events where instance_id = ${instance}`;
  expect(events).toMatchObject([{ type: "webhook.disabled", data: { url: endpoint.url } }]);
  expect(events[0]?.data.failures).toBeGreaterThan(35);
  const activity = await world.db.sql`select action, details from activities where instance_id = ${instance}`;
  expect(activity).toEqual([{ action: "webhook_disabled", details: events[0]?.data }]);
  const rows = await world.deliveries(instance);
  expect(rows.map(({ status, reason }) => `${status} ${reason}`)).toEqual(Array(10).fill("failed disabled"));
  expect(await world.endpoint(instance)).toBeUndefined();
});

/** A database client that fails after this number of statements, as if its process had died. */
function dyingAfter(statements: number): { db: Database; died: () => boolean } {
  let left = statements;
  const dead = () => {
    const gone = Promise.reject(new Error("the process died here"));
    gone.catch(() => undefined);
    return gone;
  };
  const mortal = <T extends object>(sql: T): T =>
    new Proxy(sql, {
      apply: (target, self, args) => (left-- > 0 ? Reflect.apply(target as never, self, args) : dead()),
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (name !== "begin") return value;
        const begin = value as (work: (tx: object) => unknown) => Promise<unknown>;
        return (work: (tx: object) => unknown) => begin((tx) => work(mortal(tx)));
      },
    });
  return { db: { ...world.db, sql: mortal(world.db.sql) }, died: () => left < 0 };
}

test("a worker that dies between any two steps of parking, probing or draining loses nothing and repeats no id", async () => {
  const outcomes: string[] = [];
  for (let survived = 0, died = true; died; survived++) {
    const endpoint = await startEndpoint(false);
    const instance = await world.instance({ url: endpoint.url });
    const records = world.texts(instance, 5);
    const parking = dyingAfter(survived);
    const again = new Set(await world.handle(records, { db: parking.db }));
    // The queue redelivers the failed records.
    await world.handle(records.filter(({ messageId }) => again.has(messageId)));
    endpoint.accepts(true);
    world.clock.advance(claimMs);
    const working = dyingAfter(survived);
    await world.wake({}, { db: working.db }).catch(() => undefined);
    for (let i = 0; i < 3; i++) {
      world.clock.advance(claimMs);
      await world.wake();
    }
    died = parking.died() || working.died();
    const byText = Map.groupBy(endpoint.accepted, ({ text }) => text);
    const ids = [...byText.values()].map((all) => new Set(all.map(({ id }) => id)).size);
    outcomes.push(`${[...byText.keys()].sort().join("")} ${[...new Set(ids)]} ${[...(await statuses(instance))]}`);
    expect(await world.endpoint(instance)).toBeUndefined();
  }
  expect(new Set(outcomes)).toEqual(new Set(["12345 1 succeeded"]));
  expect(outcomes.length).toBeGreaterThan(10);
});
