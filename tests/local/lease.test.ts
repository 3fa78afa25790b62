import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { advisoryLock } from "../../core/db/advisory-lock.ts";
import { openDatabase } from "../../core/db/index.ts";
import { acquireLease, connectionName, releaseHostsOf, reportHost } from "../../core/shard/lease.ts";
import { startPostgres } from "../../local/postgres/index.ts";
import { seedPostgres } from "../support/postgres.ts";
import { folderOfTest } from "../support/process/temporary-folder.ts";
import { until } from "../support/until.ts";

test("a takeover ends only the open transactions of the frozen host", async () => {
  const dataDir = await folderOfTest();
  await seedPostgres(dataDir);
  const server = await startPostgres({ dataDir });
  onTestFinished(() => server.stop());
  const open = (host: string) => {
    // No idle timeout: in the middle of a statement, Postgres would not apply it either.
    const db = openDatabase(server.url, { max: 2, name: connectionName(host), idleInTransactionTimeoutMs: 0 });
    onTestFinished(() => db.close());
    return db;
  };
  const [frozen, other, next] = [open("frozen"), open("other"), open("next")];
  await next.sql`update shards set host = 'frozen', lease_until = clock_timestamp() + interval '1 hour' where id = 0`;
  const locked = Promise.withResolvers<void>();
  const frozenTransaction = frozen.sql.begin(async (sql) => {
    await sql`select pg_advisory_xact_lock_shared(${advisoryLock.shard}, 0)`;
    locked.resolve();
    await sleep(60_000, undefined, { ref: false });
  });
  frozenTransaction.catch(() => undefined);
  await locked.promise;
  let otherState = "open";
  const otherTransaction = other.sql.begin(async (sql) => {
    await sql`select 1`;
    await until(async () => otherState === "done" || undefined, 30_000);
    return sql`select 1`;
  });
  // Before the lease expires, no other host can take it, and the holder's transactions continue.
  expect(await acquireLease(next, "next", 0, 60_000)).toBeUndefined();
  expect(await frozen.sql`select 1 as still`).toEqual([{ still: 1 }]);
  await next.sql`update shards set lease_until = clock_timestamp() where id = 0`;
  const grant = await until(() => acquireLease(next, "next", 0, 60_000), 10_000);
  expect(grant).toMatchObject({ shard: 0 });
  otherState = "done";
  expect(await otherTransaction).toHaveLength(1);
  const rows =
    await next.sql`select 1 from pg_stat_activity where application_name = 'session-host frozen' and xact_start is not null`;
  expect(rows).toHaveLength(0);
});

test("a gateway that starts frees the shards of its place, although their leases hold, and no other shards", async () => {
  const dataDir = await folderOfTest();
  await seedPostgres(dataDir);
  const server = await startPostgres({ dataDir });
  onTestFinished(() => server.stop());
  const db = openDatabase(server.url, { max: 2, name: "test" });
  onTestFinished(() => db.close());
  await db.sql`insert into shards (id) values (1), (2) on conflict do nothing`;
  const report = { startedAt: new Date(), draining: false, version: "1", cpuMs: 0, rssBytes: 0 };
  for (const [shard, [id, place]] of [["here-1", "here"] as const, ["there-1", "there"] as const].entries()) {
    await reportHost(db, { ...report, id, place }, 8_000);
    expect(await acquireLease(db, id, shard, 60_000)).toMatchObject({ shard });
  }
  // A connection of the killed host whose end Postgres has not noticed.
  const dead = openDatabase(server.url, { max: 1, name: connectionName("here-1"), idleInTransactionTimeoutMs: 0 });
  onTestFinished(() => dead.close());
  const locked = Promise.withResolvers<void>();
  const transaction = dead.sql.begin(async (sql) => {
    await sql`select pg_advisory_xact_lock_shared(${advisoryLock.shard}, 0)`;
    locked.resolve();
    await sleep(60_000, undefined, { ref: false });
  });
  transaction.catch(() => undefined);
  await locked.promise;

  await releaseHostsOf(db, "here");
  expect(await until(() => acquireLease(db, "here-2", 0, 60_000), 10_000)).toMatchObject({ shard: 0 });
  expect(await acquireLease(db, "here-2", 1, 60_000)).toBeUndefined();
  expect((await db.sql`select id from hosts`).map(({ id }) => id)).toEqual(["there-1"]);
});
