import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Claims, claimLeaseMs, endLeasesOf } from "../../../core/db/claim-lease.ts";
import { freeDeliveries } from "../../../core/webhook/delivery/backlog.ts";
import { receiverOfTest } from "../../support/network/receiver-of-test.ts";
import { closeConnection } from "../../support/network/webhook-receiver.ts";
import { until } from "../../support/until.ts";
import { startWorld, type World } from "../../support/webhook/delivery-setup.ts";
import { startWorker } from "../../support/webhook/worker-process.ts";

// The tests use a real database, which is slow on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const bodies = (received: { body: string }[]) => received.map(({ body }) => JSON.parse(body).data.body);
/** Waits until the deliveries of requests that take long are stored. SQS delivers a batch again only after that. */
const stored = (instance: string, count: number) =>
  until(async () => (await world.deliveries(instance)).length === count || undefined);
const statuses = async (instance: string) => (await world.deliveries(instance)).map(({ status }) => status);

/** Ends the leases of an instance's deliveries, as if `claimLeaseMs` had passed since their process died or froze. */
const expireLeases = (instance: string) => world.db.sql`
  update claim_leases set until = clock_timestamp() - interval '1 ms'
  where id in (select claimed_by from deliveries where instance_id = ${instance})`;

const deadClaims = async (instance?: string) => {
  const { sql } = world.db;
  const [row] = await sql<{ n: number }[]>`
    select count(*)::int as n from deliveries d
    where status = 'pending' and claimed_by is not null ${instance ? sql`and instance_id = ${instance}` : sql``}
      and not exists (select from claim_leases l where l.id = d.claimed_by and l.until > clock_timestamp())`;
  return row?.n;
};

test("the retry worker continues with a killed worker's deliveries as soon as its lease has expired", async () => {
  const receiver = await receiverOfTest(() => {});
  const instance = await world.instance({ url: receiver.url });
  const worker = startWorker(world, world.texts(instance, 3));
  await receiver.count(1);
  await stored(instance, 3);
  await worker.kill();
  receiver.answer(200);
  await expireLeases(instance);
  await world.wake();
  expect(bodies(receiver.received)).toEqual(["1", "1", "2", "3"]);
  expect(await statuses(instance)).toEqual(["succeeded", "succeeded", "succeeded"]);
});

test("a batch that SQS delivers again after its worker died is delivered at once, without the retry worker", async () => {
  const receiver = await receiverOfTest(() => {});
  const instance = await world.instance({ url: receiver.url });
  const records = world.texts(instance, 3);
  const worker = startWorker(world, records);
  await receiver.count(1);
  await stored(instance, 3);
  await worker.kill();
  receiver.answer(200);
  await expireLeases(instance);
  expect(await world.handle(records)).toEqual([]);
  expect(bodies(receiver.received)).toEqual(["1", "1", "2", "3"]);
  expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(3);
  expect(await statuses(instance)).toEqual(["succeeded", "succeeded", "succeeded"]);
});

test("a batch that SQS delivers twice is delivered once while its first worker holds its lease", async () => {
  const receiver = await receiverOfTest(() => {});
  const instance = await world.instance({ url: receiver.url });
  const records = world.texts(instance, 1);
  const first = world.handle(records);
  await receiver.count(1);
  await stored(instance, 1);
  receiver.answer(200);
  expect(await world.handle(records)).toEqual([]);
  await world.wake();
  expect(receiver.received).toHaveLength(1);
  await receiver.down();
  await first;
});

test("a gateway that starts frees the claims of its place at once, and no claim of another place", async () => {
  const receiver = await receiverOfTest(() => {});
  const [here, there] = await Promise.all([0, 1].map(() => world.instance({ url: receiver.url })));
  const workers = [
    startWorker(world, world.texts(here ?? "", 2), { PROCESS_PLACE: "here" }),
    startWorker(world, world.texts(there ?? "", 2), { PROCESS_PLACE: "there" }),
  ];
  await receiver.count(2);
  await Promise.all([stored(here ?? "", 2), stored(there ?? "", 2)]);
  await Promise.all(workers.map((worker) => worker.kill()));
  receiver.answer(200);

  await endLeasesOf(world.db, "here");
  expect(await deadClaims()).toBe(2);
  expect(await freeDeliveries(world.deps)).toBe(2);
  expect(await deadClaims()).toBe(0);
  await world.wake();
  expect(await statuses(here ?? "")).toEqual(["succeeded", "succeeded"]);
  expect(await statuses(there ?? "")).toEqual(["pending", "pending"]);
});

test("a worker that was frozen past its lease can't change a delivery that another worker has taken over", async () => {
  const held: (() => void)[] = [];
  const receiver = await receiverOfTest((_, response) => {
    held.push(() => response.writeHead(500).end());
  });
  const instance = await world.instance({ url: receiver.url, maxRetries: 0 });
  const worker = startWorker(world, world.texts(instance, 2));
  await receiver.count(1);
  await stored(instance, 2);
  worker.freeze();
  await until(async () => (await deadClaims(instance)) === 2 || undefined);
  receiver.answer(200);
  await world.wake();
  expect(await statuses(instance)).toEqual(["succeeded", "succeeded"]);
  const before = await world.deliveries(instance);

  held[0]?.();
  worker.thaw();
  expect(await worker.ended).toBe(0);
  expect(bodies(receiver.received)).toEqual(["1", "1", "2"]);
  expect((await world.deliveries(instance)).map(({ status, next_at }) => [status, next_at])).toEqual(
    before.map(({ status, next_at }) => [status, next_at]),
  );
  expect(await world.endpoint(instance)).toBeUndefined();
  const [first] = before;
  expect(await world.attempts(first?.id ?? "")).toMatchObject([{ status: 200 }, { status: 500 }]);
});

test("a worker that lost its lease sends none of its other deliveries", async () => {
  const held: (() => void)[] = [];
  const receiver = await receiverOfTest((_, response) => {
    held.push(() => response.end("ok"));
  });
  const instance = await world.instance({ url: receiver.url });
  const batch = world.handle(world.texts(instance, 3));
  await receiver.count(1);
  await stored(instance, 3);
  await expireLeases(instance);
  // The renewal fails, which ends the lease for its holder.
  await new Promise((resolve) => setTimeout(resolve, claimLeaseMs / 2));
  held[0]?.();
  await batch;
  expect(receiver.received).toHaveLength(1);
  receiver.answer(200);
  // No other worker had taken over the first delivery, so its result counts.
  await world.wake();
  expect(bodies(receiver.received)).toEqual(["1", "2", "3"]);
});

test("a run whose lease has ended without its knowledge claims nothing", async () => {
  const receiver = await receiverOfTest(closeConnection);
  const instance = await world.instance({ url: receiver.url });
  await world.handle(world.texts(instance, 1));
  receiver.answer(200);
  world.clock.advance(60_000);
  const claims = new Claims({ db: world.db, log: world.deps.log });
  await claims.hold((lease) => world.db.sql`delete from claim_leases where id = ${lease.id}`);
  expect(await world.wake({}, { claims })).toEqual({ tried: 0 });
  expect(receiver.received).toHaveLength(1);
  await world.wake();
  expect(receiver.received).toHaveLength(2);
  world.clock.reset();
});

test("the backlog of a worker that died is drained as soon as its lease has expired", async () => {
  const receiver = await receiverOfTest(closeConnection);
  const instance = await world.instance({ url: receiver.url });
  await world.handle(world.texts(instance, 5));
  expect(await world.endpoint(instance)).toMatchObject({ state: "parked" });
  world.clock.advance(60 * 60_000);
  receiver.answer(() => {});
  // A worker probes the endpoint and dies during the request.
  const probing = world.wake();
  await receiver.count(4);
  await expireLeases(instance);
  receiver.answer(200);
  await world.wake();
  expect(await statuses(instance)).toEqual(Array(5).fill("succeeded"));
  expect(await world.endpoint(instance)).toBeUndefined();
  await receiver.down();
  await probing;
  expect(await statuses(instance)).toEqual(Array(5).fill("succeeded"));
  world.clock.reset();
});

test("a process renews the leases of running work and ends the lease of work that failed", async () => {
  const claims = new Claims({ db: world.db, log: world.deps.log });
  const read = async (id: string) => {
    const [row] = await world.db.sql<{ until: Date }[]>`select until from claim_leases where id = ${id}`;
    return row?.until;
  };
  const ids: string[] = [];
  await expect(
    claims.hold(async (lease) => {
      ids.push(lease.id);
      const first = await read(lease.id);
      await until(async () => {
        const later = await read(lease.id);
        return (first && later && later > first) || undefined;
      });
      expect(lease.held).toBe(true);
      throw new Error("the work failed");
    }),
  ).rejects.toThrow("the work failed");
  expect(await read(ids[0] ?? "")).toBeUndefined();
});

test("runs at the same time have leases of their own, and a later run uses a lease again", async () => {
  const claims = new Claims({ db: world.db, log: world.deps.log });
  const id = () => claims.hold(async (lease) => lease.id);
  const [one, other] = await Promise.all([id(), id()]);
  expect(one).not.toBe(other);
  expect([one, other]).toContain(await id());
});
