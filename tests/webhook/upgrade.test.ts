import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate as run } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { migrate } from "../../core/db/migrate.ts";
import { systemIds } from "../../core/id.ts";
import { type LocalPostgres, startPostgres } from "../../local/postgres/index.ts";
import { seedPostgres } from "../support/postgres.ts";

// The tests use a real database, which is slow on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** The last migration of version 0.1. */
const lastOfBefore = "0017_webhook_busy_lease";
const [user, one, two, event, delivery] = Array.from({ length: 5 }, () => systemIds.uuid()) as [
  string,
  string,
  string,
  string,
  string,
];

let folder: string;
let server: LocalPostgres;
let sql: postgres.Sql;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-upgrade-"));
  await seedPostgres(join(folder, "postgres"));
  server = await startPostgres({ dataDir: join(folder, "postgres") });
  // The database of the seed is migrated already.
  const admin = postgres(server.url, { max: 1, onnotice: () => undefined });
  await admin`create database upgraded`;
  await admin.end();
  const url = new URL(server.url);
  url.pathname = "/upgraded";
  sql = postgres(url.href, { max: 2, onnotice: () => undefined });
  const before = join(folder, "migrations");
  await cp("core/db/migrations", before, { recursive: true });
  const journal = join(before, "meta/_journal.json");
  const { entries, ...rest } = JSON.parse(await readFile(journal, "utf8"));
  const until = entries.findIndex(({ tag }: { tag: string }) => tag === lastOfBefore);
  await writeFile(journal, JSON.stringify({ ...rest, entries: entries.slice(0, until + 1) }));
  await run(drizzle(sql), { migrationsFolder: before });
  await sql`insert into users (id, email, password_hash) values (${user}, 'ann@example.com', '')`;
  for (const [id, dialect] of [
    [one, "gateway"],
    [two, "multi-instance"],
  ] as const) {
    await sql`
      insert into instances (id, user_id, name, dialect, shard, webhook_url)
      values (${id}, ${user}, 'Primary', ${dialect}, 0, 'https://example.com/hook')`;
  }
  await sql`
    insert into webhook_endpoints (instance_id, url, state, failures, failing_since, next_at)
    values (${one}, 'https://example.com/hook', 'parked', 4, now(), now())`;
  await sql`
    insert into webhook_paces (instance_id, url, average_ms) values (${one}, 'https://example.com/hook', 3000)`;
  await sql`
    insert into deliveries (id, instance_id, event_id, event_seq, event_type, url, body, next_at)
    values (${delivery}, ${one}, ${event}, 1, 'message.received', 'https://example.com/hook', '{}', 'infinity')`;
  await migrate(url.href, 4);
});
afterAll(async () => {
  await sql.end();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

test("the breaker, the response time and the backlog of an instance become those of its first endpoint", async () => {
  expect(await sql`select endpoint_id, state, failures from endpoint_breakers`).toEqual([
    { endpoint_id: one, state: "parked", failures: 4 },
  ]);
  expect(await sql`select endpoint_id, average_ms from endpoint_paces`).toEqual([
    { endpoint_id: one, average_ms: 3_000 },
  ]);
  const backlog = sql`
    select id from deliveries where coalesce(endpoint_id, instance_id) = ${one} and status = 'pending'`;
  expect(await backlog).toEqual([{ id: delivery }]);
});

test("existing webhooks keep the events that they had, and new instances have the default", async () => {
  const rows = await sql`select id, webhook_events from instances order by dialect`;
  expect(rows).toEqual([
    { id: one, webhook_events: expect.arrayContaining(["call.ended", "stanza.quarantined", "message.read"]) },
    { id: two, webhook_events: expect.arrayContaining(["connection.qr", "poll.voted"]) },
  ]);
  expect(rows.flatMap(({ webhook_events }) => webhook_events)).not.toContain("message.edited");
});

test("the statements of version 0.1 work on the new schema", async () => {
  const again = () => sql`
    insert into deliveries (id, instance_id, event_id, event_seq, event_type, correlation_id, url, body, next_at)
    values (${systemIds.uuid()}, ${one}, ${event}, 1, 'message.received', null, 'https://example.com/hook', '{}', now())
    on conflict (event_id, url) do nothing returning id`;
  expect(await again()).toEqual([]);
  await sql`
    insert into webhook_endpoints as w (instance_id, url, state, failures, failing_since, next_at)
    select id, webhook_url, 'draining', 0, now(), now() from instances where id = any(${[one, two]}::uuid[]) order by id
    on conflict (instance_id) do update set state = case when w.state = 'failing' then 'draining' else w.state end`;
  expect(await sql`select endpoint_id, state from endpoint_breakers order by state desc`).toEqual([
    { endpoint_id: one, state: "parked" },
    { endpoint_id: two, state: "draining" },
  ]);
  await sql`
    update webhook_endpoints w set url = i.webhook_url, claimed_by = ${systemIds.uuid()} from instances i
    where i.id = w.instance_id and w.instance_id in (
      select w.instance_id from webhook_endpoints w join instances i on i.id = w.instance_id
      where w.state <> 'failing' limit 10 for update of w skip locked)`;
  expect(await sql`select 1 from endpoint_breakers where claimed_by is not null`).toHaveLength(2);
  await sql`
    insert into webhook_paces (instance_id, url, average_ms, busy_until, busy_by)
    select id, webhook_url, 10, null, null from instances
    on conflict (instance_id) do update set average_ms = excluded.average_ms`;
  expect(await sql`select distinct average_ms from endpoint_paces`).toEqual([{ average_ms: 10 }]);
  await sql`delete from webhook_endpoints where instance_id = ${two}`;
  expect(await sql`select 1 from endpoint_breakers`).toHaveLength(1);
});
