import type { Database } from "../db/index.ts";
import type { EventData } from "./catalog/index.ts";

/**
 * How many of the newest events are searched. At a hundred events a second, they span a longer time than a call can
 * ring.
 */
const maxSearched = 20_000;

/** Returns the calls of an instance that began at `since` or later and are still ringing, oldest first. */
export async function ringingCalls(
  db: Database,
  instanceId: string,
  since: Date,
): Promise<EventData<"call.received">[]> {
  const rows = await db.sql<{ data: EventData<"call.received"> }[]>`
    with recent as (
      select seq, type, data from events
      where instance_id = ${instanceId} and created_at >= ${since.toISOString()}::timestamptz
        and seq > (select event_seq from instances where id = ${instanceId}) - ${maxSearched}::bigint
        and type in ('call.received', 'call.rejected', 'call.ended')
    )
    select data from recent
    where type = 'call.received' and not (data->>'missed')::boolean and not exists (
      select from recent as later where later.type <> 'call.received' and later.data->>'callId' = recent.data->>'callId')
    order by seq`;
  return rows.map(({ data }) => data);
}
