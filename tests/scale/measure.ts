import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { systemClock } from "../../core/clock.ts";
import { type Database, openDatabase } from "../../core/db/index.ts";
import { findDueWork } from "../../session-host/host/due-work.ts";
import type { Phone } from "../../simulator/index.ts";
import { startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { until } from "../support/until.ts";
import { type Busy, fill, sizesFor } from "./fill.ts";
import { readPlans, type Statement } from "./plans.ts";
import { many } from "./sizes.ts";

const shards = 128;
/** A table with fewer rows than this is small: reading all of it is cheap. */
const manyRows = Math.max(2_000, many / 100);

/** What is measured with a number of messages and the other tables in proportion. */
export interface Measured {
  statements: Map<string, Statement>;
  /** The tables with many rows. */
  largeTables: Set<string>;
  /** The share of updates that wrote no index, by table. */
  hot: Map<string, number>;
}

/** Starts a gateway with filled tables and uses it. Only one per process. */
export async function measure(messages: number): Promise<Measured> {
  const gate = await startTestGateway({ env: { SHARDS: String(shards) } });
  try {
    return await measureOn(gate, messages);
  } finally {
    await gate.stop();
  }
}

async function measureOn(gate: TestGateway, messages: number): Promise<Measured> {
  const owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  const bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  const instanceId = await gate.linked(owner, "gateway");
  const { sql } = gate.db;
  const [own] = await sql<{ shard: number; userId: string }[]>`
    select shard, user_id as "userId" from instances where id = ${instanceId}`;
  if (!own) throw new Error("the instance is missing");
  const busy: Busy = { ...own, instanceId, chatId: `${bob.number}@s.whatsapp.net` };
  // Another host serves the instances that `fill` adds.
  const elsewhere = Array.from({ length: shards }, (_, shard) => shard).filter((shard) => shard !== own.shard);
  await sql`update shards set host = 'elsewhere', epoch = epoch + 1, lease_until = 'infinity' where id <> ${own.shard}`;
  await sql`alter system set fsync = off`;
  await sql`alter system set max_wal_size = '8GB'`;
  await sql`select pg_reload_conf()`;
  const sizes = sizesFor(messages);
  const startedAt = performance.now();
  await fill(sql, sizes, busy, elsewhere);
  console.info(`filled ${messages} messages in ${Math.round((performance.now() - startedAt) / 1_000)} s`);
  const log = await explainAll(gate.db);
  const { size } = await stat(log);
  await gate.restart();
  await scene(gate, busy, owner, bob);
  return { statements: await readPlans(log, size), ...(await hotUpdates(gate.db)) };
}

/** Makes Postgres log the plan of each statement of new connections. Returns the path of the log. */
async function explainAll({ sql }: Database): Promise<string> {
  const [row] = await sql<{ database: string; folder: string }[]>`
    select current_database() as database, current_setting('data_directory') as folder`;
  if (!row) throw new Error("a query without a table returned no row");
  const settings = {
    session_preload_libraries: "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_verbose": "off",
  };
  for (const [name, value] of Object.entries(settings))
    await sql.unsafe(`alter database "${row.database}" set ${name} = '${value}'`);
  return join(dirname(row.folder), "postgres.log");
}

/** What clients and hosts do all day, with the busy instance. The functions and the host do the rest meanwhile. */
async function scene(gate: TestGateway, { instanceId, chatId, userId }: Busy, owner: Phone, bob: Phone): Promise<void> {
  await gate.status(instanceId, "connected", 60_000);
  const send = async (message: string, headers: Record<string, string> = {}) => {
    const answer = await gate.api("POST", "/api/message/send/text", {
      body: { instanceId, to: bob.number, message },
      headers,
    });
    expect(answer).toMatchObject({ status: 200 });
    return answer.body.data.messageId as string;
  };
  let messageId = "";
  for (let n = 0; n < 20; n++) {
    messageId = await send(`out ${n}`, { "idempotency-key": `scene-${n}` });
    await bob.waitFor((message) => message.text === `out ${n}`);
    await bob.sendText(owner.number, `in ${n}`);
  }
  await send("out 19", { "idempotency-key": "scene-19" });
  const later = await gate.api("POST", `/api/whatsapp/${instanceId}/send`, {
    body: { phone: bob.number, message: "later", sendAt: new Date(Date.now() + 3_000).toISOString() },
  });
  const refused: string[] = later.status < 300 ? [] : [`later: ${JSON.stringify(later.body)}`];
  const read = async (path: string) => {
    const { status, body } = await gate.api("GET", path);
    if (status !== 200) refused.push(`${path}: ${JSON.stringify(body)}`);
  };
  const chat = `/api/message/chat/${instanceId}/${bob.number}`;
  const instance = `/api/instances/${instanceId}`;
  for (let n = 0; n < 6; n++) {
    await read(`${chat}?limit=50`);
    await read(`${chat}?limit=50&skip=1000`);
    await read(`/api/message/chats/${instanceId}?limit=50`);
    await read(`${instance}/chats?limit=50`);
    await read(`${instance}/chats/${chatId}/messages?limit=50`);
    await read(`/api/message/search/${instanceId}?q=subject+777`);
    await read(`/api/message/search?q=out`);
    await read(`${instance}/events?since=1000&limit=100`);
    await read(`${instance}/webhooks/deliveries?limit=50`);
    await read(`/api/webhook/logs?instanceId=${instanceId}&limit=50`);
    await read(`/api/contacts/${instanceId}/all`);
    await read(`${instance}/messages/${messageId}/receipts`);
    await read(`/api/stats/instances/${instanceId}?period=month`);
    await read(`/api/stats/user?period=month`);
    await read(`/api/instance/${instanceId}/queue`);
  }
  expect([...new Set(refused)]).toEqual([]);
  await bob.waitFor((message) => message.text === "later");
  await until(async () => {
    const rows = await gate.db.sql`
      select from events e where instance_id = ${instanceId} and created_at > now() - interval '1 minute'
        and emitted_at is null limit 1`;
    return rows.length === 0 || undefined;
  }, 30_000);
  // As a host with all shards, whose relays have sent everything.
  const db = openDatabase(gate.gateway.env.DATABASE_URL ?? "", { max: 1, name: "scene" });
  const all = Array.from({ length: shards }, (_, shard) => ({ shard, positions: [0, 0, 0, 0] }));
  for (let n = 0; n < 6; n++) await findDueWork(db, all, systemClock.now());
  await db.close();
  expect(userId).not.toBe("");
  // Some runs of the schedule, and of the jobs that run at its start.
  await sleep(6_000);
}

async function hotUpdates({ sql }: Database): Promise<Pick<Measured, "hot" | "largeTables">> {
  const tables = await sql<{ name: string; rows: number; updates: number; hot: number }[]>`
    select c.relname as name, c.reltuples::float8 as rows, s.n_tup_upd::float8 as updates, s.n_tup_hot_upd::float8 as hot
    from pg_class c join pg_stat_user_tables s on s.relid = c.oid where c.relkind = 'r'`;
  return {
    largeTables: new Set(tables.filter(({ rows }) => rows >= manyRows).map(({ name }) => name)),
    hot: new Map(tables.filter(({ updates }) => updates > 0).map(({ name, updates, hot }) => [name, hot / updates])),
  };
}
