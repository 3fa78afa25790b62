import type postgres from "postgres";
import * as z from "zod";
import type { Database } from "../db/index.ts";
import { readWithinBytes } from "../db/page.ts";
import { instant } from "../instant.ts";
import { destination } from "../message/recipient.ts";
import { type PageRequest, type Pagination, paged } from "../page.ts";
import { paceOf } from "../restriction/pace.ts";
import { type OwnPace, waitReasons } from "../restriction/restriction.sql.ts";

/** Which waiting sends of an instance are meant. Without fields, all of them. */
export const queueFilter = {
  bulk: z.boolean().optional().meta({ description: "Only messages of bulks (true), or only others (false)" }),
  chat: destination.optional(),
  acceptedBefore: instant.optional().meta({ description: "Only messages accepted before" }),
};
const filterShape = z.object(queueFilter);
export type QueueFilter = z.output<typeof filterShape>;

/**
 * Why a send waits. `pace`: the pace of the instance. `scheduled`: it is due later. `bulk`: the pace of its bulk. `not_connected`: the instance has no
 * connection. `queue`: other sends are before it. The others are those of `waitReasons`.
 */
export const queueReasons = [...waitReasons, "scheduled", "bulk", "not_connected", "queue"] as const;
export type QueueReason = (typeof queueReasons)[number];

export interface WaitingSend {
  messageId: string;
  chatId: string;
  type: string;
  body: string;
  reason: QueueReason;
  bulkId: string | null;
  priority: "high" | "normal";
  acceptedAt: Date;
  /** When the send is expected to go out. Null if that is not known. */
  expectedAt: Date | null;
}

export interface WaitingQueue {
  sends: WaitingSend[];
  /** How many sends wait for each reason. */
  counts: Partial<Record<QueueReason, number>>;
  pagination: Pagination;
}

/** The part of an instance that decides why its sends wait. */
interface QueueOwner {
  id: string;
  shard: number;
  status: string;
  sendsPausedAt: Date | null;
  pace: OwnPace | null;
}

/** Returns a page of the sends that wait to be sent, and how many wait for which reason. */
export async function readWaitingQueue(
  db: Database,
  instance: QueueOwner,
  filter: QueueFilter,
  page: PageRequest,
): Promise<WaitingQueue> {
  const { sql } = db;
  const gapMs = gapOf(instance.pace);
  const waiting = sql`
    select c.*, coalesce(m.chat_id, '') as chat_id, m.type, m.body, b.per_minute, b.start_at,
      row_number() over (partition by c.bulk_id, ${isPaced(sql)}
        order by c.bulk_index, c.position nulls last, c.created_at, c.id) as place,
      ${reasonOf(sql, instance, gapMs)} as reason
    from (${openSends(sql, instance)}) c
    join messages m on m.instance_id = c.instance_id and m.wa_id = c.wa_id and m.from_me
    left join bulks b on b.id = c.bulk_id`;
  const matching = sql`select * from (${waiting}) w where ${matches(sql, instance.id, filter)}`;
  const rows = sql`
    select wa_id as "messageId", chat_id as "chatId", type, body, reason, bulk_id as "bulkId", created_at as "acceptedAt",
      coalesce(options->>'priority', 'normal') as priority,
      case when reason in ('paused', 'not_connected') then null
        when reason = 'queue' then clock_timestamp()
        when reason = 'pace' and status <> 'scheduled' then clock_timestamp() + place * ${gapMs} * interval '1 ms'
        when bulk_id is not null and waiting_reason is null
          then greatest(start_at, clock_timestamp()) + place * interval '1 minute' / per_minute
        else greatest(run_at, clock_timestamp()) end as "expectedAt"
    from (${matching}) w
    order by position nulls last, (status = 'scheduled'), coalesce(run_at, created_at), bulk_index, id
    limit ${page.limit} offset ${page.skip}`;
  const [found, counted] = await Promise.all([
    readWithinBytes<WaitingSend>(sql, rows, sql`octet_length(body)`),
    sql<{ reason: QueueReason; count: number }[]>`
      select reason, count(*)::int as count from (${matching}) w group by reason`,
  ]);
  const counts = Object.fromEntries(counted.map(({ reason, count }) => [reason, count]));
  const total = counted.reduce((sum, { count }) => sum + count, 0);
  const { items: sends, pagination } = paged(page, found, total);
  return { sends, counts, pagination };
}

/** Selects the sends of an instance that have not ended, each state by an index of its own. */
const openSends = (sql: postgres.ISql, { id, shard }: QueueOwner) => sql`
  select * from commands where instance_id = ${id} and kind = 'send' and status = 'scheduled'
  union all select * from commands where instance_id = ${id} and kind = 'send' and status = 'queued'
  union all select * from commands where shard = ${shard} and instance_id = ${id} and kind = 'send' and status = 'claimed'`;

/** Whether the pace delays a single send while it waits in the queue: its message is not made yet. */
const isPaced = (sql: postgres.ISql) => sql`
  (c.bulk_id is null and c.status <> 'scheduled' and m.payload is null)`;

/** Returns the average time between two single sends that a pace allows, in milliseconds. */
function gapOf(own: OwnPace | null): number {
  const { perMinute, minGapMs } = paceOf(own);
  return Math.max(minGapMs, perMinute === null ? 0 : 60_000 / perMinute);
}

const reasonOf = (sql: postgres.ISql, { status, sendsPausedAt }: QueueOwner, gapMs: number) => sql`
  case when ${sendsPausedAt !== null} then 'paused'
    when c.waiting_reason is not null then c.waiting_reason
    when c.status = 'scheduled' and coalesce(c.run_at, b.start_at) > clock_timestamp() then 'scheduled'
    when ${status !== "connected"} then 'not_connected'
    when c.status = 'scheduled' and c.bulk_id is not null then 'bulk'
    when ${gapMs > 0} and ${isPaced(sql)} then 'pace'
    else 'queue' end`;

/** Selects the JIDs of a chat: a person can have a number and a LID. */
const sameChat = (sql: postgres.ISql, instanceId: string, chat: string) => sql`
  select ${chat}::text as jid union select unnest(array[p.jid, p.lid]) from contacts p
  where p.instance_id = ${instanceId} and (p.jid = ${chat} or p.lid = ${chat})`;

/** Returns the JIDs of a chat: a person can have a number and a LID. */
export async function sameChats({ sql }: Database, instanceId: string, chat: string): Promise<(string | null)[]> {
  const rows = await sql<{ jid: string | null }[]>`${sameChat(sql, instanceId, chat)}`;
  return rows.map(({ jid }) => jid);
}

/** A condition on a row with the columns of `commands` of the instance and the column `chat_id`. */
export const matches = (sql: postgres.ISql, instanceId: string, { bulk, chat, acceptedBefore }: QueueFilter) => sql`
  (${bulk === undefined} or (bulk_id is not null) = ${bulk ?? false})
  and (${chat === undefined} or chat_id in (${sameChat(sql, instanceId, chat ?? "")}))
  and (${acceptedBefore === undefined} or created_at < ${acceptedBefore === undefined ? null : new Date(acceptedBefore)}::timestamptz)`;
