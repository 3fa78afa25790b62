import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import type { WhatsApp } from "../../../simulator/index.ts";
import { WholeGateway } from "../gateway/subject.ts";
import type { Options } from "../options.ts";
import type { Direction, Study } from "../result/result.ts";
import { directions } from "../result/result.ts";
import { sum } from "../result/statistics.ts";
import { type Loaded, prepareLoad, run, textsOf } from "./load.ts";

/** What one text costs, in numbers that don't depend on the speed of the machine. */
export const counted = ["statements", "commits", "fsyncs", "sqsCalls", "logLines"] as const;
export type Counts = Record<(typeof counted)[number], number>;

const names: Record<keyof Counts, string> = {
  statements: "SQL statements",
  commits: "commits",
  fsyncs: "fsyncs of the WAL",
  sqsCalls: "calls to SQS",
  logLines: "log lines",
};

/** An idle connection of Postgres reports its statistics after 10 s (`PGSTAT_IDLE_INTERVAL` in pgstat.c). */
const reportMs = 11_000;

export interface CountedCase {
  direction: Direction;
  callers: number;
  perText: Counts;
}

/** Counts what texts cost, for each direction and number of callers. Subtracts what the idle gateway does in that time. */
export async function measureCounts(
  wa: WhatsApp,
  folder: string,
  options: Options,
  env: Record<string, string> = {},
): Promise<{ cases: CountedCase[]; problems: string[] }> {
  const gateway = await WholeGateway.start(wa, folder, options, { env });
  const cases: CountedCase[] = [];
  let sql: postgres.Sql | undefined;
  try {
    const loaded = await prepareLoad(wa, gateway, "3", options);
    sql = postgres(gateway.databaseUrl, { max: 1 });
    await sql`alter system set shared_preload_libraries = 'pg_stat_statements'`;
    await sql.end();
    await gateway.restart();
    sql = postgres(gateway.databaseUrl, { max: 1 });
    await sql`create extension if not exists pg_stat_statements`;
    // The first texts after a start read what later ones have in memory.
    for (const direction of directions) await send(loaded, direction, "again", options.low, 1);
    let before = await snapshot(gateway, sql);
    const idle = rateOf(before, await snapshot(gateway, sql));
    before = await snapshot(gateway, sql);
    for (const direction of directions) {
      for (const callers of [1, options.callers]) {
        const texts = callers === 1 ? options.low : options.texts;
        const name = `${callers} ${direction}`;
        await send(loaded, direction, name, texts, callers);
        const after = await snapshot(gateway, sql);
        const ms = after.at - before.at;
        const used = rateOf(before, after);
        const perText = each((of) => Math.max(0, ((used[of] - idle[of]) * ms) / texts));
        cases.push({ direction, callers, perText });
        before = after;
      }
    }
  } finally {
    await sql?.end();
    await gateway.stop();
  }
  return { cases, problems: gateway.problems };
}

async function send(loaded: Loaded, direction: Direction, name: string, count: number, callers: number): Promise<void> {
  await run(loaded, direction, callers === 1 ? "low" : "load", textsOf(loaded, `counted ${name}`, count), callers);
  await loaded.subject.settled(direction, count);
}

interface Snapshot {
  counts: Counts;
  at: number;
}

const each = (value: (of: keyof Counts) => number) =>
  Object.fromEntries(counted.map((of) => [of, value(of)])) as Counts;

/** Returns what was counted, per millisecond. */
const rateOf = (before: Snapshot, after: Snapshot) =>
  each((of) => (after.counts[of] - before.counts[of]) / (after.at - before.at));

async function snapshot(gateway: WholeGateway, sql: postgres.Sql): Promise<Snapshot> {
  await sleep(reportMs);
  const [row] = await sql<{ statements: number; commits: number; fsyncs: number }[]>`
    select (select sum(calls)::float8 from pg_stat_statements) as statements,
      (select sum(xact_commit)::float8 from pg_stat_database) as commits,
      (select sum(fsyncs)::float8 from pg_stat_io where object = 'wal') as fsyncs`;
  if (!row) throw new Error("Postgres returned no statistics");
  const requests = sum((await gateway.probes.usage()).map(({ httpRequests }) => httpRequests));
  const counts = { ...row, sqsCalls: requests - gateway.webhooks, logLines: gateway.logLines };
  return { counts, at: performance.now() };
}

/** Counts what one text costs the gateway. */
export const counts: Study = async ({ wa, folder, options, keep, progress, addProblem }) => {
  progress("counts: statements, commits, fsyncs, calls to SQS and log lines per text");
  const { cases, problems } = await measureCounts(wa, folder, options);
  for (const problem of problems) addProblem(problem);
  for (const { direction, callers, perText } of cases) {
    const label = `per text ${direction}, ${callers === 1 ? "1 caller" : `${callers} callers`}`;
    for (const of of counted) keep({ name: `${names[of]} ${label}`, unit: "", value: perText[of] });
  }
};
