import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Database } from "../../core/db/index.ts";
import { appendEvents } from "../../core/event/append.ts";
import { systemIds } from "../../core/id.ts";
import { shardOf } from "../../core/instance/index.ts";
import { createLogger } from "../../core/log.ts";
import { startHost } from "../../session-host/host/start.ts";
import { GatewayProcess } from "../support/gateway/gateway-process.ts";
import { type HostSetup, startHostSetup } from "../support/session-host/setup.ts";
import { until } from "../support/until.ts";

const shards = 128;
/** Long enough for the jobs that run once a minute. */
const windowMs = 60_000;
const maxPerSecond = 2;

let setup: HostSetup;
let host: Awaited<ReturnType<typeof startHost>>;

beforeAll(async () => {
  setup = await startHostSetup({ SHARDS: String(shards) });
  host = await startHost(setup.config, createLogger("test", process.env.TEST_LOG ?? "silent"));
  await until(async () => host.host.shards.size === shards || undefined, 60_000);
});
afterAll(async () => {
  await host?.stop();
  await setup?.stop();
});

async function transactions({ sql }: Database): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select (xact_commit + xact_rollback)::float8 as count from pg_stat_database where datname = current_database()`;
  return row?.count ?? 0;
}

// The bound does not depend on the speed of the machine: on a slow one, the timers only fire less often.
test("an idle gateway, and an idle host of 128 shards, make fewer than two transactions a second", async () => {
  const gate = await GatewayProcess.start("inside", { SHARDS: "4" });
  onTestFinished(() => gate.stop());
  await gate.linked(await gate.wa.addPhone({ number: "4915550000001", pushName: "Anna" }));
  const databases = [await gate.superuser(), setup.db];
  // Autovacuum also commits transactions.
  for (const { sql } of databases) {
    await sql`alter system set autovacuum = off`;
    await sql`select pg_reload_conf()`;
  }
  // The work after the start has ended.
  await sleep(20_000);
  const before = await Promise.all(databases.map(transactions));
  const startedAt = performance.now();
  await sleep(windowMs);
  const after = await Promise.all(databases.map(transactions));
  const seconds = (performance.now() - startedAt) / 1_000;
  const rates = after.map((count, index) => (count - (before[index] ?? 0)) / seconds);
  console.info(`transactions a second: gateway with 4 shards ${rates[0]}, host with ${shards} shards ${rates[1]}`);
  for (const rate of rates) expect(rate).toBeLessThan(maxPerSecond);
  // The host works: it renews its leases.
  expect(host.host.healthy).toBe(true);
}, 180_000);

async function createInstance(desired: "running" | "stopped"): Promise<string> {
  const id = systemIds.uuid();
  await setup.db.sql`
    insert into instances (id, user_id, name, dialect, shard, status, desired)
    values (${id}, ${setup.userId}, 'test', 'gateway', ${shardOf(id, shards)}, 'disconnected', ${desired})`;
  return id;
}

async function appendEvent(instanceId: string): Promise<string> {
  const id = systemIds.uuid();
  const data = { status: "connected" as const, reason: "test" };
  await appendEvents(setup.db.sql, [{ id, instanceId, at: new Date(), type: "connection.update", data }]);
  return id;
}

const emitted = (eventId: string) =>
  until(async () => {
    const rows = await setup.db.sql`select from events where id = ${eventId} and emitted_at is not null`;
    return rows.length > 0 || undefined;
  }, 30_000);

test("an idle host finds what other processes store in any of its shards", async () => {
  const stopped = await createInstance("stopped");
  const [event, running] = [await appendEvent(stopped), await createInstance("running")];
  await emitted(event);
  // The session of a new instance starts, although no command tells the host about the instance.
  await until(async () => {
    const [row] = await setup.db.sql`select status from instances where id = ${running}`;
    return row?.status === "qr" || undefined;
  }, 30_000);
  // The message of this command never reached the queue.
  const command = systemIds.uuid();
  await setup.db.sql`
    insert into commands (id, instance_id, user_id, shard, name, kind, input, correlation_id, deadline)
    values (${command}, ${running}, ${setup.userId}, ${shardOf(running, shards)}, 'instance.stop', 'mutate', '{}', 'test',
      now() + interval '1 minute')`;
  await until(async () => {
    const [row] = await setup.db.sql`select status from commands where id = ${command}`;
    return row?.status === "done" || undefined;
  }, 30_000);
});

test("while a table of the search can't be read, other work goes on", async () => {
  const instance = await createInstance("stopped");
  await setup.db.sql`alter table channels rename to channels_away`;
  try {
    await emitted(await appendEvent(instance));
  } finally {
    await setup.db.sql`alter table channels_away rename to channels`;
  }
});

test("while the search waits for a lock, other work goes on", async () => {
  const instance = await createInstance("stopped");
  await setup.db.sql.begin(async (sql) => {
    await sql`set local idle_in_transaction_session_timeout = 0`;
    await sql`lock table channels`;
    await emitted(await appendEvent(instance));
  });
});
