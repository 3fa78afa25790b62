import type postgres from "postgres";
import type { Database } from "../../db/index.ts";

const sliceSize = 200;

/**
 * Indexes the messages that are older than the search index, in slices, for about `budgetMs`. Returns the number of
 * messages that were read. A process that dies loses only its slice, and two processes don't do the same slice.
 */
export async function indexOldMessages({ db }: { db: Database }, budgetMs: number): Promise<number> {
  const end = performance.now() + budgetMs;
  let total = 0;
  let count: number;
  do {
    count = await indexSlice(db);
    total += count;
  } while (count === sliceSize && performance.now() < end);
  return total;
}

/** An SQL condition: messages are not indexed yet. */
export const hasOldMessages = ({ db: { sql } }: { db: Database }): postgres.PendingQuery<postgres.Row[]> =>
  sql`exists (select from search_backfill)`;

async function indexSlice({ sql }: Database): Promise<number> {
  return (await sql.begin(async (transaction) => {
    const [state] = await transaction<{ after: string }[]>`select after from search_backfill for update skip locked`;
    if (!state) return 0;
    // The lock keeps the messages until their entries are written. Entries that exist are those of newer texts.
    const [slice] = await transaction<{ count: number; last: string | null }[]>`
      with slice as materialized (
        select id, instance_id, sent_at, body from messages where id > ${state.after} order by id limit ${sliceSize}
        for key share),
      written as (
        insert into message_search (message_id, instance_id, sent_at, words)
        select id, instance_id, sent_at, search_parts(instance_id, body) from slice where body <> ''
        on conflict do nothing)
      select count(*)::int as count, (array_agg(id order by id desc))[1] as last from slice`;
    if (!slice?.last) await transaction`delete from search_backfill`;
    else await transaction`update search_backfill set after = ${slice.last}`;
    return slice?.count ?? 0;
  })) as number;
}
