import { someIds } from "../../db/generic-plan.ts";
import type { Database } from "../../db/index.ts";
import { lockTimeout, SharedStatements } from "../../db/shared-statements.ts";
import { webhookLane } from "../../usage/lane.ts";
import { type AttemptRecord, record, storable } from "./record.ts";
import { rowColumns, type toRow } from "./store.ts";

/** A delivery that succeeded at its first attempt, before it was stored. */
export interface Success {
  row: ReturnType<typeof toRow>;
  attempt: AttemptRecord;
}

/** The deliveries of a batch to one endpoint. */
interface Group {
  successes: readonly Success[];
  /** The rows as JSON, without brackets. */
  json: string;
  /** Attempts whose deliveries exist already or belong to a deleted instance. */
  known: AttemptRecord[];
}

/** Maximum number of groups that one statement stores, and of characters of their JSON. */
const maxGroups = 50;
const maxCharacters = 1_000_000;

/**
 * Stores the deliveries that succeed at their first attempt, together with the attempt and the usage. Batches that run at
 * the same time in a process share statements.
 */
export class Successes {
  readonly #db: Database;
  readonly #statements: SharedStatements<Group>;

  constructor(db: Database) {
    this.#db = db;
    this.#statements = new SharedStatements<Group>({
      write: (groups, lockWaitMs) => storeGroups(db, groups, lockWaitMs),
      maxItems: maxGroups,
      maxCharacters,
      characters: ({ json }) => json.length,
    });
  }

  /** Resolves when the deliveries of a batch to one endpoint are durable. */
  async store(successes: readonly Success[]): Promise<void> {
    if (successes.length === 0) return;
    const group: Group = { successes, json: successes.map(rowOf).join(), known: [] };
    await this.#statements.add(group);
    if (group.known.length > 0) await record(this.#db, null, group.known);
  }
}

const rowOf = ({ row, attempt }: Success) =>
  JSON.stringify({
    ...row,
    attempt_id: attempt.attemptId,
    at: attempt.at.toISOString(),
    duration_ms: attempt.durationMs,
    http_status: attempt.status,
    response: storable(attempt.response),
  });

/**
 * Stores deliveries with their attempts and counts them for the usage statistics. Deliveries of a deleted instance are
 * dropped. If another worker has stored a delivery meanwhile, its state stays, but the attempt is logged. Rows are
 * inserted before any usage row is locked, both in a fixed order, so that writers never deadlock.
 */
async function storeGroups(db: Database, groups: readonly Group[], lockWaitMs: number): Promise<void> {
  // Also passed as an array, so that the planner uses the index: it can't estimate the number of rows in JSON.
  const instances = [...new Set(groups.flatMap(({ successes }) => successes.map(({ row }) => row.instance_id)))];
  const { sql } = db;
  const stored = await sql<{ id: string }[]>`
    with success as materialized (
      select t.* from jsonb_to_recordset(${`[${groups.map(({ json }) => json).join()}]`}::text::jsonb) as t(${rowColumns(sql)},
        attempt_id uuid, at timestamptz, duration_ms int, http_status int, response text), ${lockTimeout(sql, lockWaitMs)}
    ), stored as (
      insert into deliveries (id, instance_id, endpoint_id, event_id, event_seq, event_type, correlation_id, url,
        endpoint_url, body, status, attempts, next_at, created_at, finished_at)
      select s.id, i.id, s.endpoint_id, s.event_id, s.event_seq, s.event_type, s.correlation_id, s.url, s.endpoint_url,
        s.body, 'succeeded', 1, s.at, s.at, s.at + s.duration_ms * interval '1 millisecond'
      from success s join instances i on i.id = s.instance_id and i.id = any(${someIds(sql, instances)})
      order by s.event_id, s.endpoint_id
      on conflict do nothing
      returning id, instance_id
    ), logged as (
      insert into attempts (id, delivery_id, number, at, duration_ms, status, response)
      select s.attempt_id, s.id, 1, s.at, s.duration_ms, s.http_status, s.response from stored join success s using (id)
    ), counted as (
      insert into usage (user_id, instance_id, slot, lane, webhook_sent)
      select i.user_id, i.id, date_bin('15 minutes', s.at, '2000-01-01Z'), ${webhookLane}, count(*)
      from stored join success s using (id)
        join instances i on i.id = stored.instance_id and i.id = any(${someIds(sql, instances)})
      group by 1, 2, 3 order by 1, 3, 2
      on conflict (user_id, slot, instance_id, lane) do update set webhook_sent = usage.webhook_sent + excluded.webhook_sent
    )
    select id from stored`;
  const ids = new Set(stored.map(({ id }) => id));
  for (const group of groups) {
    group.known = group.successes.flatMap(({ row, attempt }) => (ids.has(row.id) ? [] : [attempt]));
  }
}
