import type { Database } from "../db/index.ts";
import type { EventData } from "./catalog/index.ts";

/** Of an instance's log so many events are looked at, the newest: at a hundred events a second, more than a call rings. */
const window = 20_000;

/** The calls of an instance that have begun since then and are not over, the oldest first. */
export async function ringingCalls(
  db: Database,
  instanceId: string,
  since: Date,
): Promise<EventData<"call.received">[]> {
  const rows = await db.sql<{ data: EventData<"call.received"> }[]>`
    with recent as (
      select seq, type, data from events
      where instance_id = ${instanceId} and created_at >= ${since.toISOString()}::timestamptz
        and seq > (select event_seq from instances where id = ${instanceId}) - ${window}::bigint
        and type in ('call.received', 'call.rejected', 'call.ended')
    )
    select data from recent
    where type = 'call.received' and not (data->>'missed')::boolean and not exists (
      select from recent as later where later.type <> 'call.received' and later.data->>'callId' = recent.data->>'callId')
    order by seq`;
  return rows.map(({ data }) => data);
}
