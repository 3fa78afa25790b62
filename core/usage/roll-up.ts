import type postgres from "postgres";
import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import { eventLane } from "./lane.ts";

/** Writers count in the current slot, so older slots have no writer that a separate lane would help. */
const afterMs = 60 * 60 * 1000;
/** The number of rows that one statement adds up. */
const sliceRows = 1_000;

type Deps = { db: Database; clock: Clock };

/**
 * Adds up the lanes of `usage`: of each instance and 15 minutes, one row stays. No total changes, because every reader
 * adds up all lanes. Slots stay 15 minutes long, so that the rows add up to days in any time zone. A late count gets its own
 * lane again, which the next run adds. Returns the number of rows that were removed.
 */
export async function rollUpUsage({ db, clock }: Deps, budgetMs: number): Promise<number> {
  const end = performance.now() + budgetMs;
  const before = new Date(clock.now().getTime() - afterMs).toISOString();
  let removed = 0;
  for (let count = sliceRows; count === sliceRows && performance.now() < end; removed += count) {
    count = await rollUpSlice(db.sql, before);
  }
  return removed;
}

/**
 * Adds up one slice in one statement, so that readers see each count once. Writes in the order in which writers lock rows.
 * Skips rows that an overlapping run or a late writer has locked. Locks the users first, because the insert would wait for a
 * user who is being deleted, and the deletion waits for the user's rows.
 */
async function rollUpSlice(sql: postgres.Sql, before: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    with old as (
      select user_id, slot, instance_id, lane from usage join users on users.id = user_id
      where lane <> ${eventLane}::smallint and slot < ${before}::timestamptz
      order by slot limit ${sliceRows} for key share of users skip locked for update of usage skip locked
    ), taken as (
      delete from usage u using old
      where (u.user_id, u.slot, u.instance_id, u.lane) = (old.user_id, old.slot, old.instance_id, old.lane)
      returning u.*
    ), added as (
      insert into usage (user_id, instance_id, slot, lane, messages_sent, messages_received, media_sent, media_received,
        media_size, api_calls, webhook_sent)
      select user_id, instance_id, slot, ${eventLane}::smallint, sum(messages_sent), sum(messages_received), sum(media_sent),
        sum(media_received), sum(media_size), sum(api_calls), sum(webhook_sent)
      from taken group by 1, 2, 3 order by 1, 3, 2
      on conflict (user_id, slot, instance_id, lane) do update set
        messages_sent = usage.messages_sent + excluded.messages_sent,
        messages_received = usage.messages_received + excluded.messages_received,
        media_sent = usage.media_sent + excluded.media_sent, media_received = usage.media_received + excluded.media_received,
        media_size = usage.media_size + excluded.media_size, api_calls = usage.api_calls + excluded.api_calls,
        webhook_sent = usage.webhook_sent + excluded.webhook_sent
    )
    select count(*)::int as count from taken`;
  return row?.count ?? 0;
}
