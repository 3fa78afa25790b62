import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { advisoryLock } from "../../core/db/advisory-lock.ts";
import { migrate } from "../../core/db/migrate.ts";
import { parseMigration, readMigrations } from "../../core/db/migration-file.ts";
import { MigrationUnfinished } from "../../core/db/migration-run.ts";
import { version } from "../../core/version.ts";
import { type LocalPostgres, startPostgres } from "../../local/postgres/index.ts";
import { fillTables } from "../support/database/fill-tables.ts";
import { seedPostgres } from "../support/postgres.ts";
import { temporaryFolder } from "../support/process/temporary-folder.ts";
import { until } from "../support/until.ts";

/** A host gives up a lease of 10 seconds that it could not renew for 8 seconds. */
const leaseMs = 8_000;
const waitMs = 60_000;

let server: LocalPostgres;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;

beforeAll(async () => {
  folder = await temporaryFolder();
  await seedPostgres(folder.path);
  server = await startPostgres({ dataDir: folder.path });
});
afterAll(async () => {
  await server?.stop();
  await folder?.remove();
});

/** Opens a connection whose statements fail after `timeoutMs`. */
function connect(url: string, timeoutMs = 0): postgres.Sql {
  const sql = postgres(url, {
    max: 1,
    onnotice: () => undefined,
    connection: { statement_timeout: timeoutMs },
  });
  onTestFinished(() => sql.end({ timeout: 1 }));
  return sql;
}

const [user, instance] = [randomUUID(), randomUUID()];

/** Creates a database with the tables of the version before the separate steps, with rows in all tables. */
async function databaseBefore(): Promise<{ url: string; sql: postgres.Sql }> {
  const url = await server.createDatabase(`old_${randomUUID().replaceAll("-", "")}`);
  const migrations = (await readMigrations()).filter(({ timed }) => !timed);
  await migrate(url, 4, { migrations });
  const sql = connect(url);
  await fillTables(sql);
  await sql`insert into users (id, email, password_hash) values (${user}, 'ann@example.com', '')`;
  await sql`
    insert into instances (id, user_id, name, dialect, shard) values (${instance}, ${user}, 'Primary', 'gateway', 0)`;
  return { url, sql };
}

const addCommand = (sql: postgres.ISql, waId: string, status: "queued" | "scheduled" | "canceled") => sql`
  insert into commands (id, instance_id, user_id, shard, name, kind, input, wa_id, status, correlation_id, deadline,
    run_at, finished_at)
  values (${randomUUID()}, ${instance}, ${user}, 0, 'message.sendText', 'send', '{}', ${waId}, ${status}, 'c',
    now() + interval '1 day', ${status === "queued" ? null : sql`now() + interval '1 day'`},
    ${status === "canceled" ? sql`'2026-01-02T00:00:00Z'::timestamptz` : null})`;

const addMessage = (sql: postgres.ISql, waId: string, chat: string, sentAt: string, status = "received") => sql`
  insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, status, sent_at, created_at)
  values (${randomUUID()}, ${instance}, ${waId}, ${chat}, ${status !== "received"}, 'text', 'conversation', ${status},
    ${sentAt}, '2026-01-01T00:00:00Z')`;

/** Opens a transaction that stays open until `end` is called. */
async function holdOpen(url: string, work: (sql: postgres.ReservedSql) => Promise<unknown>) {
  const sql = await connect(url).reserve();
  await sql`begin`;
  await work(sql);
  // Ends the snapshot of the last statement, for which CREATE INDEX CONCURRENTLY would wait.
  await sql.unsafe("select 1").simple();
  return { end: async (how: "commit" | "rollback" = "commit") => void (await sql.unsafe(how)) };
}

const waitsFor = (sql: postgres.Sql, statement: string) =>
  until(async () => {
    const [row] = await sql`
      select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
        and query ilike ${`%${statement}%`} and pid <> pg_backend_pid()`;
    return row && true;
  }, waitMs);

/** Does what hosts and functions of the previous version do, until `end` is called. Returns the number of rounds. */
function serve(url: string) {
  const sql = connect(url, leaseMs);
  let [ended, rounds] = [false, 0];
  const running = (async () => {
    await sql`update shards set host = 'h', epoch = 1, lease_until = now()`;
    await sql`insert into claim_leases (id, until) values (${instance}, now()) on conflict do nothing`;
    for (; !ended; rounds++) {
      await sql`update shards set lease_until = clock_timestamp() + interval '10 s' where host = 'h'`;
      await sql`update hosts set seen_at = clock_timestamp()`;
      await sql`update claim_leases set until = clock_timestamp() + interval '10 s' where id = ${instance}`;
      await addCommand(sql, `served-${rounds}`, "queued");
      await addMessage(sql, `served-${rounds}`, "served@s.whatsapp.net", "2026-01-01T00:00:00Z");
      await sleep(20);
    }
  })();
  running.catch(() => undefined);
  const next = async () => {
    const before = rounds;
    await Promise.race([running, until(async () => rounds > before + 1 || undefined, waitMs)]);
  };
  return {
    next,
    end: async () => {
      ended = true;
      await running;
      return rounds;
    },
  };
}

const indexes = async (sql: postgres.Sql) =>
  (await sql`select indexname from pg_indexes where schemaname = 'public'`).map(({ indexname }) => indexname);

const old = ["commands_queued", "hosts_seen", "claim_leases_until"];

test("the previous version keeps its leases and accepts while migrations wait for its transactions", {
  timeout: 180_000,
}, async () => {
  const { url, sql } = await databaseBefore();
  const accepting = await holdOpen(url, (open) => addCommand(open, "open", "queued"));
  const storing = await holdOpen(url, (open) =>
    addMessage(open, "open", "open@s.whatsapp.net", "2026-01-01T00:00:00Z"),
  );
  const served = serve(url);
  const migrating = migrate(url, 4, { contract: false });
  migrating.catch(() => undefined);
  await waitsFor(sql, "index");
  await served.next();
  await accepting.end();
  for (let attempt = 0; attempt < 2; attempt++) {
    await waitsFor(sql, 'alter table "chats"');
    await served.next();
    await until(async () => {
      const [row] = await sql`select 1 from pg_locks where not granted and locktype = 'relation' limit 1`;
      return row ? undefined : true;
    }, waitMs);
  }
  await storing.end();
  await migrating;
  expect(await indexes(sql)).toEqual(expect.arrayContaining([...old, "commands_queued_of_shard"]));

  // Hosts of the previous version still report.
  await migrate(url, 4);
  expect(await indexes(sql)).toEqual(expect.arrayContaining(old));
  await sql`update hosts set version = ${version}`;
  const reading = await holdOpen(url, (open) => open`select 1 from commands, hosts, claim_leases limit 1`);
  const contracting = migrate(url, 4);
  await waitsFor(sql, "drop index concurrently");
  await served.next();
  await reading.end();
  await contracting;
  expect((await indexes(sql)).filter((name) => old.includes(name))).toEqual([]);
  expect(await served.end()).toBeGreaterThan(0);
});

test("a backfill keeps what the previous version writes meanwhile", { timeout: 120_000 }, async () => {
  const { url, sql } = await databaseBefore();
  const future = "2099-01-01T00:00:00Z";
  for (let count = 0; count < 600; count++) {
    await addCommand(sql, `sent-${count}`, count % 2 === 0 ? "canceled" : "scheduled");
    const chat = `${count}@s.whatsapp.net`;
    await addMessage(sql, `old-${count}`, chat, "2026-01-01T00:00:00Z");
    await addMessage(sql, `sent-${count}`, chat, future, count % 2 === 0 ? "canceled" : "pending");
  }
  const storing = await holdOpen(url, (open) => addMessage(open, "new", "7@s.whatsapp.net", "2026-01-03T00:00:00Z"));
  const migrating = migrate(url, 4, { contract: false });
  await waitsFor(sql, 'alter table "chats"');
  await storing.end();
  // Between the change of the table and the slices, and during them.
  const again = holdOpen(url, (open) => addMessage(open, "newer", "8@s.whatsapp.net", "2026-01-04T00:00:00Z"));
  await sleep(500);
  await (await again).end();
  await migrating;
  const rows = await sql`
    select chat_id, last_at from chats where instance_id = ${instance} and last_at <> '2026-01-01T00:00:00Z'
    order by last_at`;
  expect(rows.map(({ chat_id, last_at }) => [chat_id, last_at.toISOString().slice(0, 10)])).toEqual([
    ["7@s.whatsapp.net", "2026-01-03"],
    ["8@s.whatsapp.net", "2026-01-04"],
  ]);
  const [late] = await sql`select count(*)::int as n from messages where status = 'canceled' and sent_at > now()`;
  expect(late?.n).toBe(0);

  // The previous version cancels one more, whose slice has passed.
  await addCommand(sql, "last", "canceled");
  await addMessage(sql, "last", "9@s.whatsapp.net", future, "canceled");
  await migrate(url, 4);
  const [last] = await sql`select sent_at from messages where wa_id = 'last'`;
  expect(last?.sent_at.toISOString()).toBe("2026-01-02T00:00:00.000Z");
  expect(await sql`select 1 from drizzle.migration_steps`).toEqual([]);
});

test("slices continue after the deadline of a run, each exactly once", { timeout: 120_000 }, async () => {
  const url = await server.createDatabase("slices");
  const sql = connect(url);
  await sql`create table shards (id int primary key)`;
  await sql`create table seen (slice int primary key)`;
  const slices = `-- slices
    WITH seen AS (INSERT INTO seen VALUES (coalesce($1, '0')::int + 1) RETURNING slice)
    SELECT CASE WHEN slice < 6 THEN slice::text END AS next FROM seen`;
  const migrations = [parseMigration("9999_slices", 1, slices)];
  const third = await holdOpen(url, (open) => open`insert into seen values (3)`);
  const deadline = new AbortController();
  const first = migrate(url, 1, { migrations, signal: deadline.signal });
  first.catch(() => undefined);
  await waitsFor(sql, "insert into seen");
  deadline.abort();
  await expect(first).rejects.toBeInstanceOf(MigrationUnfinished);
  await third.end("rollback");
  expect((await sql`select slice from seen order by 1`).map(({ slice }) => slice)).toEqual([1, 2]);
  await migrate(url, 1, { migrations });
  expect((await sql`select slice from seen order by 1`).map(({ slice }) => slice)).toEqual([1, 2, 3, 4, 5, 6]);
});

test("an index that a failed build left invalid is built again", { timeout: 120_000 }, async () => {
  const url = await server.createDatabase("invalid");
  const sql = connect(url);
  await sql`create table shards (id int primary key)`;
  await sql`create table rows as select 1 as id from generate_series(1, 2)`;
  const text = 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "rows_id" ON "rows" ("id");';
  const migrations = [parseMigration("9999_index", 1, text)];
  const valid = async () => (await sql`select indisvalid from pg_index where indexrelid = 'rows_id'::regclass`)[0];
  await expect(migrate(url, 1, { migrations })).rejects.toThrow("could not create unique index");
  expect(await valid()).toEqual({ indisvalid: false });
  await sql`delete from rows where ctid = '(0,1)'`;
  await migrate(url, 1, { migrations });
  expect(await valid()).toEqual({ indisvalid: true });
});

const rowsIndex = () => [
  parseMigration("9999_index", 1, 'CREATE INDEX CONCURRENTLY IF NOT EXISTS "rows_id" ON "rows" ("id");'),
];

test("the next run waits for an index that the server still builds for a run that ended", {
  timeout: 120_000,
}, async () => {
  const url = await server.createDatabase("building");
  const sql = connect(url);
  await sql`create table shards (id int primary key)`;
  await sql`create table rows (id int)`;
  const migrations = rowsIndex();
  const identity = async () => (await sql`select 'rows_id'::regclass::oid::int as oid`)[0]?.oid;
  const writing = await holdOpen(url, (open) => open`insert into rows values (1)`);
  const deadline = new AbortController();
  const first = migrate(url, 1, { migrations, signal: deadline.signal });
  first.catch(() => undefined);
  await waitsFor(sql, "create index concurrently");
  const begun = await identity();
  deadline.abort();
  await expect(first).rejects.toBeInstanceOf(MigrationUnfinished);
  const second = migrate(url, 1, { migrations });
  await sleep(500);
  await writing.end();
  await second;
  expect(await identity()).toBe(begun);
  expect((await sql`select indisvalid from pg_index where indexrelid = 'rows_id'::regclass`)[0]?.indisvalid).toBe(true);
});

test("an index is built to its end in spite of the limits of the database", { timeout: 120_000 }, async () => {
  const url = await server.createDatabase("limited");
  const sql = connect(url);
  await sql`create table shards (id int primary key)`;
  await sql`create table rows (id int)`;
  for (const limit of ["statement_timeout", "lock_timeout"])
    await sql.unsafe(`alter database limited set ${limit} = '500ms'`);
  const identity = async () => (await sql`select 'rows_id'::regclass::oid::int as oid`)[0]?.oid;
  const writing = await holdOpen(url, (open) => open`insert into rows values (1)`);
  const migrating = migrate(url, 1, { migrations: rowsIndex() });
  migrating.catch(() => undefined);
  await waitsFor(sql, "create index concurrently");
  const begun = await identity();
  await sleep(1_500);
  await writing.end();
  await migrating;
  expect(await identity()).toBe(begun);
});

test("a run that waits for another run doesn't delay its index, and ends at its deadline", {
  timeout: 60_000,
}, async () => {
  const url = await server.createDatabase("waiting");
  const sql = connect(url);
  await sql`create table shards (id int primary key)`;
  await sql`create table rows (id int)`;
  const writing = await holdOpen(url, (open) => open`insert into rows values (1)`);
  const first = migrate(url, 1, { migrations: rowsIndex() });
  first.catch(() => undefined);
  await waitsFor(sql, "create index concurrently");
  const second = migrate(url, 1, { migrations: rowsIndex() });
  second.catch(() => undefined);
  await until(async () => {
    const [row] = await sql`
      select 1 from pg_stat_activity where datname = current_database() and query like ${`%${advisoryLock.migration}%`}
        and pid not in (select pid from pg_locks where locktype = 'advisory' and granted) and pid <> pg_backend_pid()`;
    return row && true;
  }, waitMs);
  const deadline = AbortSignal.timeout(500);
  await expect(migrate(url, 1, { migrations: rowsIndex(), signal: deadline })).rejects.toBeInstanceOf(
    MigrationUnfinished,
  );
  await writing.end();
  await Promise.all([first, second]);
});

test("the contract migrations of a deploy wait for the hosts of the previous version, or fail", {
  timeout: 60_000,
}, async () => {
  const url = await server.createDatabase("contract");
  const sql = connect(url);
  await sql`create table shards (id int primary key)`;
  await sql`create table hosts (version text, seen_at timestamptz)`;
  await sql`create table old (id int)`;
  await sql`insert into hosts values ('0.0.0', now() + interval '1 hour')`;
  const migrations = [parseMigration("9999_contract", 1, "-- contract\nDROP TABLE IF EXISTS old")];
  const deploy = (signal?: AbortSignal) => migrate(url, 1, { migrations, contract: "required", signal });
  const left = async () => (await sql`select to_regclass('old') is not null as old`)[0]?.old;
  await expect(deploy(AbortSignal.timeout(500))).rejects.toBeInstanceOf(MigrationUnfinished);
  expect(await left()).toBe(true);
  const waiting = deploy();
  waiting.catch(() => undefined);
  await sql`update hosts set version = ${version}`;
  await waiting;
  expect(await left()).toBe(false);
  // With nothing to drop, a deploy doesn't wait.
  await sql`update hosts set version = '0.0.0'`;
  await deploy();
});
