import type { ServerResponse } from "node:http";
import pino from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { sealedPlace } from "../../core/crypto/sealed-place.ts";
import { systemIds } from "../../core/id.ts";
import { mediaKey } from "../../core/media/index.ts";
import { deliveryIdOf } from "../../core/webhook/delivery/delivery-id.ts";
import type { WebhookHandlerDeps } from "../../functions/webhook/handler.ts";
import { receiverOfTest } from "../support/network/receiver-of-test.ts";
import type { Answerer } from "../support/network/webhook-receiver.ts";
import { type QueueRecord, received, startWorld, text, type World } from "../support/webhook/delivery-setup.ts";

// The tests use a real database, which is slow on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
let statements: string[] = [];
beforeAll(async () => {
  world = await startWorld();
  Object.assign(world.db.sql.options, { debug: (_: number, statement: string) => statements.push(statement) });
});
afterAll(() => world.stop());

/** Runs the function. However busy the machine is, deliveries are stored with their results. */
const handle = (records: readonly QueueRecord[], changes: Partial<WebhookHandlerDeps> = {}) =>
  world.handle(records, { patienceMs: 50_000, ...changes });

const bothWays = [
  { what: "attempted at once", again: false },
  { what: "stored before their attempts", again: true },
];

/** With `again`, counts that SQS has delivered the records before. */
function maybeAgain(records: QueueRecord[], again: boolean): QueueRecord[] {
  if (again) for (const record of records) received(record);
  return records;
}

const bodies = (received: { body: string }[]) => received.map(({ body }) => JSON.parse(body).data.body);

/** Runs the function and returns the statements of the webhook function, without those that read the endpoints of tests. */
async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  statements = [];
  await work();
  return statements;
}

/** Responds after `before`, with 500 to the text "2" and with 200 to others. */
const answerAfter =
  (before: (body: string) => PromiseLike<unknown>): Answerer =>
  async (one, response) => {
    const { body } = JSON.parse(one.body).data;
    await before(body);
    response.writeHead(body === "2" ? 500 : 200).end();
  };

/** Queues that exist, so that nothing is logged about them. */
const quietQueues = { hide: async () => undefined, remove: async () => undefined };

describe("counts of statements and log lines", () => {
  test.each([
    { what: "one event", instances: 1, events: 1, most: 2 },
    { what: "ten events of an instance", instances: 1, events: 10, most: 2 },
    { what: "an event of each of ten instances", instances: 10, events: 1, most: 12 },
  ])("$what: one reads, and few write", async ({ instances, events, most }) => {
    const receiver = await receiverOfTest();
    const ids = await Promise.all(Array.from({ length: instances }, () => world.instance({ url: receiver.url })));
    const records = ids.flatMap((id) => world.texts(id, events));
    let lines = 0;
    const log = pino({ level: "info" }, { write: () => void lines++ });
    const used = await statementsOf(() => handle(records, { log, queues: quietQueues }));
    expect(receiver.received).toHaveLength(instances * events);
    expect(lines).toBe(instances * events);
    const reads = used.filter((statement) => !/\binsert into|update |delete from/.test(statement));
    expect(reads).toHaveLength(1);
    expect(used.length).toBeLessThanOrEqual(most);
    expect(used.filter((statement) => /begin|commit|claim_leases \(/.test(statement))).toEqual([]);
    expect(used.filter((statement) => statement.includes("update deliveries"))).toEqual([]);
    // One transaction writes a delivery with its attempt.
    const rows = await world.db.sql`
      select d.xmin = a.xmin as together, d.attempts, d.status, d.claimed_by
      from deliveries d join attempts a on a.delivery_id = d.id where d.instance_id = any(${ids}::uuid[])`;
    expect(rows).toEqual(
      Array(instances * events).fill({
        ...{ together: true, attempts: 1, status: "succeeded", claimed_by: null },
      }),
    );
    const [usage] = await world.db.sql`
      select sum(webhook_sent)::int as sent from usage where instance_id = any(${ids}::uuid[])`;
    expect(usage).toEqual({ sent: instances * events });
  });

  test("batches that run at the same time share statements", async () => {
    const receiver = await receiverOfTest();
    const ids = await Promise.all(Array.from({ length: 20 }, () => world.instance({ url: receiver.url })));
    let handled: Promise<unknown> = Promise.resolve();
    const used = await statementsOf(async () => {
      await world.db.sql.begin(async (sql) => {
        await sql`lock table deliveries in share mode`;
        handled = Promise.all(ids.map((id) => handle(world.texts(id, 1))));
        await receiver.count(20);
      });
      await handled;
    });
    expect(used.filter((statement) => statement.includes("insert into deliveries")).length).toBeLessThan(10);
    for (const id of ids) expect(await world.deliveries(id)).toMatchObject([{ status: "succeeded" }]);
  });
});

test("a delivery that the database refuses fails alone, and the queue delivers its record again", async () => {
  const receiver = await receiverOfTest();
  const [refused, ...others] = await Promise.all([0, 1, 2, 3].map(() => world.instance({ url: receiver.url })));
  const taken = await world.instance({ url: receiver.url });
  await handle(world.texts(taken, 1));
  const [attempt] = await world.db.sql`
    select a.id from attempts a join deliveries d on d.id = a.delivery_id where d.instance_id = ${taken}`;
  const records = world.texts(refused ?? "", 1);
  let handled: Promise<unknown[]> = Promise.resolve([]);
  await world.db.sql.begin(async (sql) => {
    await sql`lock table deliveries in share mode`;
    handled = Promise.all([
      handle(records, { ids: { ...systemIds, uuid: () => attempt?.id } }),
      ...others.map((id) => handle(world.texts(id, 1))),
    ]);
    await receiver.count(5);
  });
  expect(await handled).toEqual([records.map(({ messageId }) => messageId), [], [], []]);
  for (const id of others) expect(await world.deliveries(id)).toMatchObject([{ status: "succeeded" }]);
  expect(await world.deliveries(refused ?? "")).toEqual([]);
  expect(await handle(records)).toEqual([]);
  const ids = receiver.received
    .filter(({ body }) => body.includes(refused ?? ""))
    .map((one) => one.headers["webhook-id"]);
  expect(ids).toEqual([ids[0], ids[0]]);
  expect(await world.deliveries(refused ?? "")).toMatchObject([{ id: ids[0], status: "succeeded", attempts: 1 }]);
});

describe("a database that refuses the rows of one instance", () => {
  let receiver: Awaited<ReturnType<typeof receiverOfTest>>;
  let instance = "";
  let others: string[] = [];
  beforeEach(async () => {
    receiver = await receiverOfTest();
    [instance = "", ...others] = await Promise.all([0, 1, 2].map(() => world.instance({ url: null })));
    for (const id of [instance, ...others])
      await world.addEndpoint(id, { url: receiver.url, events: ["message.received"] });
    await world.db.sql.unsafe(
      `alter table deliveries add constraint refused check (instance_id <> '${instance}') not valid`,
    );
  });
  afterEach(() => world.db.sql`alter table deliveries drop constraint refused`);

  test.each(bothWays)("returns only its records, in order, if deliveries are $what", async ({ again }) => {
    const ignored = world.record(instance, "connection.close", { reason: "logged out", willReconnect: false });
    const own = world.texts(instance, 2);
    const records = maybeAgain([ignored, ...others.flatMap((id) => world.texts(id, 1)), ...own], again);
    expect(await handle(records)).toEqual(own.map(({ messageId }) => messageId));
    for (const id of others) expect(await world.deliveries(id)).toMatchObject([{ status: "succeeded", attempts: 1 }]);
    expect(await world.deliveries(instance)).toEqual([]);
  });
});

test.each(bothWays)("a locked instance delays no other instance whose deliveries are $what", async ({ again }) => {
  const receiver = await receiverOfTest();
  const [locked, ...others] = await Promise.all([0, 1, 2].map(() => world.instance({ url: receiver.url })));
  const deliver = async (ids: readonly string[]) => {
    const records = ids.flatMap((id) => world.texts(id, 1));
    expect(await handle(maybeAgain(records, again))).toEqual([]);
  };
  let waiting: Promise<void> = Promise.resolve();
  await world.db.sql.begin(async (sql) => {
    await sql`select from instances where id = ${locked ?? ""} for update`;
    waiting = deliver([locked ?? "", ...others]);
    for (const id of others) {
      const succeeded = [{ status: "succeeded", attempts: 1 }];
      await vi.waitFor(async () => expect(await world.deliveries(id)).toMatchObject(succeeded), { timeout: 20_000 });
    }
    if (!again) await deliver(others);
    expect(await world.deliveries(locked ?? "")).toEqual([]);
  });
  await waiting;
  expect(await world.deliveries(locked ?? "")).toMatchObject([{ status: "succeeded", attempts: 1 }]);
});

test("a worker that was frozen after a response stores the next deliveries before it attempts them", async () => {
  const stored: number[] = [];
  const receiver = await receiverOfTest(async (_, response) => {
    stored.push((await world.deliveries(instance)).length);
    response.end();
  });
  const instance = await world.instance({ url: receiver.url });
  // The next code that runs after this is the code that waits for the response, not the timers.
  const freeze = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
  await world.handle(world.texts(instance, 3), {
    patienceMs: 900,
    log: pino(
      {},
      { write: (line) => (line.includes("webhook attempt") && stored.length === 1 ? freeze() : undefined) },
    ),
  });
  expect(stored).toEqual([0, 3, 3]);
  expect(bodies(receiver.received)).toEqual(["1", "2", "3"]);
});

test("the id of a delivery derives from the event and the endpoint", async () => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: receiver.url });
  const second = await world.addEndpoint(instance, { url: receiver.url });
  const records = world.texts(instance, 1);
  await handle(records);
  const event: string = JSON.parse(records[0]?.body ?? "").id;
  const ids = [deliveryIdOf(event, instance), deliveryIdOf(event, second)];
  expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set(ids));
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(id.slice(0, 13)).toBe(event.slice(0, 13));
  }
  // Receivers and other versions may compute it, so it must not change.
  const [a, b] = ["0198C5A0-1111-7222-8333-444455556666", "0198c5a0-0000-7000-8000-000000000001"] as const;
  expect(deliveryIdOf(a, b)).toBe("0198c5a0-1111-8186-bdce-f8c2655d0821");
});

test("a delivery whose response takes long is stored meanwhile, with the others of its batch", async () => {
  const held: ServerResponse[] = [];
  const receiver = await receiverOfTest((_, response) => void held.push(response));
  const instance = await world.instance({ url: receiver.url });
  const handled = world.handle(world.texts(instance, 3));
  await vi.waitFor(async () => expect(await world.deliveries(instance)).toHaveLength(3), { timeout: 20_000 });
  expect(held).toHaveLength(1);
  expect(await world.deliveries(instance)).toMatchObject(Array(3).fill({ status: "pending", attempts: 0 }));
  const claims = await world.db.sql`
    select d.id from deliveries d join claim_leases l on l.id = d.claimed_by and l.until > clock_timestamp()
    where d.instance_id = ${instance}`;
  expect(claims).toHaveLength(3);
  receiver.answer(200);
  held[0]?.end("ok");
  await handled;
  expect(bodies(receiver.received)).toEqual(["1", "2", "3"]);
  expect(await world.deliveries(instance)).toMatchObject(Array(3).fill({ status: "succeeded", attempts: 1 }));
});

test("a record that was received before, or whose body has a new link each time, is stored before its attempt", async () => {
  const stored: number[] = [];
  const receiver = await receiverOfTest(async (_, response) => {
    stored.push((await world.deliveries(instance)).length);
    response.end();
  });
  const instance = await world.instance({ url: receiver.url });
  const [first, second] = [world.texts(instance, 1), world.texts(instance, 1)];
  await handle(first);
  for (const record of second) received(record);
  await handle(second);
  const media = { mimetype: "image/jpeg", filename: null, size: 3, sha256: "ab", storageKey: mediaKey(instance, "A") };
  await handle([world.record(instance, "message.received", { ...text("Look"), media })]);
  expect(stored).toEqual([0, 2, 3]);
  const rows = await world.deliveries(instance);
  expect(rows).toMatchObject(Array(3).fill({ status: "succeeded", attempts: 1 }));
  expect(rows.map(({ body }) => body)).toEqual(receiver.received.map(({ body }) => body));
});

test("an event that is on the queue twice is delivered once, in one batch or in two", async () => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: receiver.url });
  const [first, second] = [world.texts(instance, 2), world.texts(instance, 2)];
  const again = (records: readonly QueueRecord[]) =>
    records.map(({ body }) => ({ messageId: `again-${systemIds.uuid()}`, body }));
  await handle(first);
  await handle([...again(first), ...second, ...again(second)]);
  expect(bodies(receiver.received)).toEqual(["1", "2", "3", "4"]);
  const stuck = await receiverOfTest(500);
  const other = await world.instance({ url: stuck.url });
  const failing = world.texts(other, 2);
  await handle([...failing, ...again(failing)]);
  expect(bodies(stuck.received)).toEqual(["1", "2"]);
});

test("a first attempt that fails is stored with the time of the next, and later events follow", async () => {
  const receiver = await receiverOfTest(answerAfter(async () => undefined));
  const instance = await world.instance({ url: receiver.url });
  await handle(world.texts(instance, 3));
  expect(bodies(receiver.received)).toEqual(["1", "2", "3"]);
  const rows = await world.db.sql`
    select status, attempts, tries, claimed_by, first_failed_at is not null as failed, finished_at is not null as finished,
      next_at > ${world.clock.now().toISOString()}::timestamptz + interval '50 seconds' as later
    from deliveries where instance_id = ${instance} order by event_seq`;
  const common = { attempts: 1, claimed_by: null };
  const succeeded = {
    ...common,
    status: "succeeded",
    tries: 0,
    failed: false,
    finished: true,
    later: expect.anything(),
  };
  expect(rows).toEqual([
    succeeded,
    { ...common, status: "pending", tries: 1, failed: true, finished: false, later: true },
    succeeded,
  ]);
});

test("a QR code that is delivered at once is stored encrypted", async () => {
  const receiver = await receiverOfTest();
  const instance = await world.instance({ url: receiver.url });
  const sealedQr = world.vault.seal(Buffer.from("2@the-code"), sealedPlace.qr(instance)).toString("base64");
  await handle([world.record(instance, "connection.qr", { sealedQr, expiresAt: "2030-01-01T00:00:00.000Z" })]);
  const [delivery] = await world.deliveries(instance);
  expect(delivery).toMatchObject({ status: "succeeded", body: expect.stringMatching(/^sealed:/) });
});

describe("what changes during a first attempt", () => {
  test("a deleted instance keeps no delivery", async () => {
    const receiver = await receiverOfTest(
      answerAfter(() => world.db.sql`delete from instances where id = ${instance}`),
    );
    const instance = await world.instance({ url: receiver.url });
    expect(await handle(world.texts(instance, 1))).toEqual([]);
    expect(receiver.received).toHaveLength(1);
    expect(await world.deliveries(instance)).toEqual([]);
  });

  test.each(["disabled", "deleted"])(
    "the endpoint is %s: a success counts, and a failure is not retried",
    async (how) => {
      const receiver = await receiverOfTest(
        answerAfter(() =>
          how === "deleted"
            ? world.db.sql`delete from webhooks where id = ${endpoint}`
            : world.db.sql`update webhooks set enabled = false where id = ${endpoint}`,
        ),
      );
      const instance = await world.instance({ url: null });
      const endpoint = await world.addEndpoint(instance, { url: receiver.url });
      expect(await handle(world.texts(instance, 2))).toEqual([]);
      expect(bodies(receiver.received)).toEqual(["1", "2"]);
      world.clock.advance(60_000);
      await world.wake();
      expect(await world.deliveries(instance)).toMatchObject([
        { status: "succeeded", attempts: 1 },
        { status: "failed", reason: "disabled", attempts: 1 },
      ]);
      expect(receiver.received).toHaveLength(2);
      world.clock.reset();
    },
  );

  test("the endpoint gets a backlog: the result is recorded, and the events after it join the backlog", async () => {
    const receiver = await receiverOfTest(
      answerAfter(async (body) => {
        if (body !== "2") return;
        await world.db.sql`
          insert into endpoint_breakers (endpoint_id, url, state, failures, failing_since, next_at)
          values (${instance}, ${receiver.url}, 'draining', 0, now(), now())`;
      }),
    );
    const instance = await world.instance({ url: receiver.url });
    await handle(world.texts(instance, 4));
    expect(bodies(receiver.received)).toEqual(["1", "2"]);
    const rows = (await world.deliveries(instance)).map(({ status, attempts, next_at }) => [status, attempts, next_at]);
    const inBacklog = ["pending", 0, Number.POSITIVE_INFINITY];
    expect(rows).toEqual([
      ["succeeded", 1, expect.any(Number)],
      ["pending", 1, expect.any(Number)],
      inBacklog,
      inBacklog,
    ]);
    expect(rows[1]?.[2]).toBeLessThan(Number.POSITIVE_INFINITY);
    receiver.answer(200);
    await world.wake();
    expect(bodies(receiver.received)).toEqual(["1", "2", "3", "4"]);
    world.clock.advance(60_000);
    await world.wake();
    expect(bodies(receiver.received)).toEqual(["1", "2", "3", "4", "2"]);
    world.clock.reset();
  });
});
