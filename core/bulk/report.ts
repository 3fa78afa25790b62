import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { type PageRequest, type Pagination, paged } from "../page.ts";
import type { WaitReason } from "../restriction/index.ts";

export interface BulkView {
  id: string;
  status: "running" | "done" | "canceled";
  /** Number of accepted recipients. */
  accepted: number;
  rejected: number;
  perMinute: number;
  createdAt: Date;
  startAt: Date;
  releasedAt: Date | null;
  finishedAt: Date | null;
}

/**
 * The status of the message to a recipient. `scheduled`: not released yet. `sending`: the session host has the message,
 * and WhatsApp has not acknowledged the message. `rejected`: the recipient was not accepted. The other values are the
 * statuses of any message.
 */
export const recipientStatuses = [
  "scheduled",
  "sending",
  "sent",
  "delivered",
  "read",
  "failed",
  "canceled",
  "rejected",
] as const;
export type RecipientStatus = (typeof recipientStatuses)[number];

export interface RecipientView {
  index: number;
  /** Digits of the phone number, or another JID. For a rejected recipient, the caller's spelling. */
  phone: string;
  messageId: string | null;
  status: RecipientStatus;
  errorCode: string | null;
  errorDetails: string | null;
  /** Why the message waits, and when it is tried again. */
  waitingReason: WaitReason | null;
  waitingUntil: Date | null;
}

const view = (db: Database) => db.sql`
  id, status, total as accepted, jsonb_array_length(rejected) as rejected, per_minute as "perMinute",
  created_at as "createdAt", start_at as "startAt", released_at as "releasedAt", finished_at as "finishedAt"`;

/** Returns a page of the bulks of an instance, newest first. */
export async function listBulks(
  db: Database,
  instanceId: string,
  page: PageRequest,
): Promise<{ bulks: BulkView[]; pagination: Pagination }> {
  const [found, [count]] = await Promise.all([
    db.sql<BulkView[]>`
      select ${view(db)} from bulks where instance_id = ${instanceId}
      order by created_at desc, id desc limit ${page.limit} offset ${page.skip}`,
    db.sql<{ total: number }[]>`select count(*)::int as total from bulks where instance_id = ${instanceId}`,
  ]);
  const { items: bulks, pagination } = paged(page, { items: found }, count?.total ?? 0);
  return { bulks, pagination };
}

/** Throws `bulk_not_found`. */
async function findBulk(db: Database, instanceId: string, bulkId: string): Promise<BulkView> {
  const [bulk] = await db.sql<BulkView[]>`
    select ${view(db)} from bulks where id = ${bulkId} and instance_id = ${instanceId}`;
  if (!bulk) throw new AppError("bulk_not_found");
  return bulk;
}

/**
 * Selects every recipient of a bulk with its status: accepted recipients from command and message, rejected recipients
 * from the bulk.
 */
const recipients = (db: Database, bulkId: string) => db.sql`
  select c.bulk_index as index, regexp_replace(c.input->>'to', '@s\\.whatsapp\\.net$', '') as phone,
    c.wa_id as "messageId", case
      when c.status in ('scheduled', 'canceled') then c.status
      when m.status in ('sent', 'delivered', 'read') then m.status
      when c.status = 'failed' or m.status = 'failed' then 'failed'
      else 'sending'
    end as status, c.error_code as "errorCode", c.error_details as "errorDetails",
    c.waiting_reason as "waitingReason", case when c.waiting_reason is not null then c.run_at end as "waitingUntil"
  from commands c left join messages m on m.instance_id = c.instance_id and m.wa_id = c.wa_id and m.from_me
  where c.bulk_id = ${bulkId}
  union all
  select r.index, r.phone, null, 'rejected', 'invalid_request', r.error, null, null
  from bulks b, jsonb_to_recordset(b.rejected) as r(index int, phone text, error text) where b.id = ${bulkId}`;

export interface BulkReport extends BulkView {
  progress: Record<RecipientStatus, number>;
  /** How many scheduled messages wait because of a restriction, and what the next of them waits for. */
  waiting: number;
  waitingReason: WaitReason | null;
  waitingUntil: Date | null;
  /** When the last message will be released if nothing else delays the bulk. Null if no message is left to release. */
  estimatedEnd: Date | null;
}

/** Returns the progress of a bulk. Throws `bulk_not_found`. */
export async function readBulk(db: Database, instanceId: string, bulkId: string, now: Date): Promise<BulkReport> {
  const bulk = await findBulk(db, instanceId, bulkId);
  const counts = await db.sql<{ status: RecipientStatus; n: number }[]>`
    select status, count(*)::int as n from (${recipients(db, bulkId)}) r group by status`;
  const progress = Object.fromEntries(recipientStatuses.map((status) => [status, 0])) as BulkReport["progress"];
  for (const { status, n } of counts) progress[status] = n;
  const [next] = await db.sql<{ waiting: number; waitingReason: WaitReason; waitingUntil: Date; last: Date }[]>`
    select count(*) over ()::int as waiting, waiting_reason as "waitingReason", run_at as "waitingUntil",
      max(run_at) over () as last
    from commands where bulk_id = ${bulkId} and status = 'scheduled' and waiting_reason is not null
    order by run_at, bulk_index limit 1`;
  const from = Math.max(now.getTime(), bulk.startAt.getTime(), next?.last.getTime() ?? 0);
  const remaining = progress.scheduled;
  return {
    ...bulk,
    progress,
    waiting: next?.waiting ?? 0,
    waitingReason: next?.waitingReason ?? null,
    waitingUntil: next?.waitingUntil ?? null,
    estimatedEnd: remaining === 0 ? null : new Date(from + Math.ceil((remaining * 60_000) / bulk.perMinute)),
  };
}

/** Returns a page of the recipients of a bulk in the order of the request. Throws `bulk_not_found`. */
export async function listRecipients(
  db: Database,
  instanceId: string,
  bulkId: string,
  page: PageRequest & { status?: RecipientStatus | undefined },
): Promise<{ recipients: RecipientView[]; pagination: Pagination }> {
  await findBulk(db, instanceId, bulkId);
  const matching = db.sql`(${recipients(db, bulkId)}) r where ${page.status ?? null}::text is null or status = ${page.status ?? null}::text`;
  const [rows, [count]] = await Promise.all([
    db.sql<RecipientView[]>`select * from ${matching} order by index limit ${page.limit} offset ${page.skip}`,
    db.sql<{ total: number }[]>`select count(*)::int as total from ${matching}`,
  ]);
  const { items, pagination } = paged(page, { items: rows }, count?.total ?? 0);
  return { recipients: items, pagination };
}
