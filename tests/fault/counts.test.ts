import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWhatsApp, type WhatsApp } from "../../simulator/index.ts";
import { WholeGateway } from "../bench/gateway/subject.ts";
import { type Options, readOptions } from "../bench/options.ts";
import { type Loaded, prepareLoad, run, textsOf } from "../bench/part/load.ts";
import type { Direction } from "../bench/result/result.ts";
import { directions } from "../bench/result/result.ts";
import { sum } from "../bench/result/statistics.ts";

/*
 * What one text costs: statements, commits, fsyncs, calls to SQS and log lines. Each number is an upper bound that holds
 * when nothing shares a statement or commit, so it does not depend on the speed of the machine. More callers can only
 * share more.
 */

/** A statement of the hot paths, by its beginning or a part of it, and how often a text may run it. */
type Known = readonly [name: string, text: RegExp, most: number];

const ledger = [
  ["begin", /^begin$/, 2],
  ["commit", /^commit$/, 2],
  ["lease and plan", /^select set_config\(.*fence\(/, 2],
  ["events", /insert into events /, 2],
  ["keys", /insert into session_keys/, 1],
] as const satisfies Known[];
const outward = [
  ["notes that events were sent", /update events set emitted_at/, 2],
  ["announcement", /pg_notify/, 2],
  ["endpoint of a webhook", /webhook_previous_secret/, 2],
  ["delivered webhooks", /insert into deliveries/, 2],
  ["outbox", /pg_snapshot_xmin/, 1],
] as const satisfies Known[];

const hot: Record<Direction, readonly Known[]> = {
  out: [
    ["key and instance", /^select i\.\*/, 1],
    ["accept", /nextval\(/, 1],
    ...ledger.map(([name, text, most]): Known => [name, text, name === "keys" ? most : most + 1]),
    ["recipients", /insert into recipient_lists/, 1],
    ["prepared message", /update messages set payload/, 1],
    ["acknowledgement", /update messages set status = .*sent_at = date_trunc/, 1],
    ["receipt", /insert into message_receipts/, 1],
    ["status of the message", /update messages set status = reached\.status/, 1],
    ["end of the command", /update commands set status = t\.status/, 1],
    ...outward,
  ],
  in: [
    ...ledger.map(([name, text]): Known => [name, text, 1]),
    ["readable", /delete from unreadable_messages/, 1],
    ["message", /insert into messages /, 1],
    ...outward.map(([name, text]): Known => [name, text, 1]),
  ],
};

/** Upper bounds for one text. */
const bounds: Record<Direction, { commits: number; fsyncs: number; sqsCalls: number; logLines: number }> = {
  out: { commits: 18, fsyncs: 12, sqsCalls: 0, logLines: 4 },
  in: { commits: 8, fsyncs: 5, sqsCalls: 0, logLines: 1 },
};
/** How much the background may add for each text. A statement or line that each text adds is more. */
const slack = 0.5;
/** An idle connection of Postgres reports its statistics after 10 s (`PGSTAT_IDLE_INTERVAL` in pgstat.c). */
const reportMs = 11_000;
/** Long enough for the jobs that run once a minute. */
const idleMs = 61_000;

let folder: string;
let wa: WhatsApp;
let gateway: WholeGateway;
let sql: postgres.Sql;
let loaded: Loaded;
/** The ids of the statements that an idle gateway runs. */
let background: Set<string>;
const options: Options = readOptions(["--quick"])?.options as Options;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-counts-"));
  wa = await startWhatsApp({ port: 0, directory: folder, relax: ["account_lookup_limit", "prekey_lookup_limit"] });
  gateway = await WholeGateway.start(wa, join(folder, "gateway"), options);
  loaded = await prepareLoad(wa, gateway, "3", options);
  sql = postgres(gateway.databaseUrl, { max: 1 });
  await sql`alter system set shared_preload_libraries = 'pg_stat_statements'`;
  await sql.end();
  await gateway.restart();
  sql = postgres(gateway.databaseUrl, { max: 1 });
  await sql`create extension if not exists pg_stat_statements`;
  // The first texts after a start read what later ones have in memory.
  for (const direction of directions) await send(direction, "again", 20, 4);
  await sleep(2_000);
  await sql`select pg_stat_statements_reset()`;
  await sleep(idleMs);
  const idle = await statements();
  background = new Set(idle.filter(({ query }) => !/^(begin|commit)$/.test(query)).map(({ id }) => id));
}, 240_000);
afterAll(async () => {
  await sql?.end();
  await gateway?.stop();
  await wa?.stop();
  await rm(folder, { recursive: true, force: true });
});

const statements = () =>
  sql<{ id: string; query: string; calls: number }[]>`
    select queryid::text as id, regexp_replace(query, '\\s+', ' ', 'g') as query, calls::float8 from pg_stat_statements
    where query !~ 'pg_stat_'`;

async function send(direction: Direction, name: string, count: number, callers: number): Promise<void> {
  await run(loaded, direction, callers === 1 ? "low" : "load", textsOf(loaded, `counted ${name}`, count), callers);
  await gateway.settled(direction, count);
}

async function totals() {
  await sleep(reportMs);
  const [row] = await sql<{ commits: number; fsyncs: number }[]>`
    select (select sum(xact_commit)::float8 from pg_stat_database) as commits,
      (select sum(fsyncs)::float8 from pg_stat_io where object = 'wal') as fsyncs`;
  const requests = sum((await gateway.probes.usage()).map(({ httpRequests }) => httpRequests));
  return { ...(row ?? { commits: 0, fsyncs: 0 }), sqsCalls: requests - gateway.webhooks, logLines: gateway.logLines };
}

test.each([
  ["out", 1, 40],
  ["in", 1, 40],
  ["out", 64, 256],
  ["in", 64, 256],
] as const)(
  "a text %s with %i callers runs only the known statements, each within its bound",
  async (direction, callers, count) => {
    const before = await totals();
    await sql`select pg_stat_statements_reset()`;
    await send(direction, `${callers} ${direction}`, count, callers);
    const after = await totals();
    const nameOf = (query: string) => hot[direction].find(([, text]) => text.test(query))?.[0];
    const ran = await statements();
    const unknown = ran.filter(
      ({ id, query, calls }) => !nameOf(query) && !background.has(id) && calls / count >= slack,
    );
    expect(
      unknown.map(({ query }) => query.slice(0, 200)),
      "statements that this test does not know",
    ).toEqual([]);
    const used: Record<string, number> = {};
    const most: Record<string, number> = { ...bounds[direction] };
    for (const [name, , bound] of hot[direction]) {
      const calls = ran.filter(({ query }) => nameOf(query) === name).map((statement) => statement.calls);
      used[name] = sum(calls) / count;
      most[name] = bound;
    }
    for (const name of ["commits", "fsyncs", "sqsCalls", "logLines"] as const)
      used[name] = (after[name] - before[name]) / count;
    console.info(`${callers} ${direction}: ${JSON.stringify(used)}`);
    const exceeded = Object.entries(used).filter(([name, value]) => value >= (most[name] ?? 0) + slack);
    expect(exceeded, "counts that exceed their bounds").toEqual([]);
    expect(gateway.problems).toEqual([]);
  },
  180_000,
);
