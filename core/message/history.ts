import type { InferSelectModel } from "drizzle-orm";
import type postgres from "postgres";
import type { Database } from "../db/index.ts";
import { type Fragment, readWithinBytes } from "../db/page.ts";
import { withTimeLimit } from "../db/time-limit.ts";
import { isCleared } from "../db/visible.ts";
import { AppError } from "../error.ts";
import { type PageRequest, type Pagination, paged } from "../page.ts";
import type { WaitReason } from "../restriction/restriction.sql.ts";
import { type AboutMessage, selectAbout } from "./about.ts";
import { isFiltered, type MessageFilters, matching } from "./filter.ts";
import type { messages } from "./message.sql.ts";
import { toJid } from "./recipient.ts";

/** A message without the columns that only the session host needs. */
export type HistoryMessage = StoredMessage & AboutMessage & { waiting: { reason: WaitReason; until: string } | null };
type StoredMessage = Omit<
  InferSelectModel<typeof messages>,
  "payload" | "protoType" | "recipients" | "contentVersion" | "imported" | "unread"
>;

const columns: Readonly<Record<keyof StoredMessage, string>> = {
  id: "id",
  instanceId: "instance_id",
  waId: "wa_id",
  chatId: "chat_id",
  fromMe: "from_me",
  senderId: "sender_id",
  senderLid: "sender_lid",
  pushName: "push_name",
  type: "type",
  body: "body",
  content: "content",
  media: "media",
  context: "context",
  status: "status",
  error: "error",
  sentAt: "sent_at",
  deliveredAt: "delivered_at",
  readAt: "read_at",
  editedAt: "edited_at",
  deletedAt: "deleted_at",
  createdAt: "created_at",
};
/** Why a message that was claimed before waits. */
const waiting = `case when from_me and status = 'pending' then (
  select json_build_object('reason', waiting_reason, 'until', run_at) from commands c
  where c.instance_id = messages.instance_id and c.wa_id = messages.wa_id and c.status = 'scheduled'
    and waiting_reason is not null limit 1) end as waiting`;
const selected = Object.entries(columns)
  .map(([property, column]) => `${column} as "${property}"`)
  .concat(waiting)
  .join(", ");

/** How long a statement with filters may take by default, in milliseconds. */
const defaultTimeLimitMs = 8_000;

/** The columns of `HistoryMessage` for a query of `messages`. */
export const selectMessages = (sql: postgres.ISql): Fragment => sql`${sql.unsafe(selected)}, ${selectAbout(sql)}`;

/**
 * Returns a page of the messages of a chat, newest first. `chat` is a recipient in any spelling, or the JID of a
 * channel or broadcast. Throws `invalid_request` if `chat` is neither, and `query_too_broad` if the filters take longer
 * than `timeLimitMs`.
 */
export async function readHistory(
  db: Database,
  instanceId: string,
  chat: string,
  { filters = {}, timeLimitMs = defaultTimeLimitMs, ...page }: HistoryRequest,
): Promise<{ messages: HistoryMessage[]; pagination: Pagination }> {
  const chatId = chatJid(chat);
  const { from, before } = page;
  const part: Part = { instanceId, chatId, from, before, hides: await isPartlyCleared(db, instanceId, chatId) };
  const [found, total] = isFiltered(filters)
    ? await withTimeLimit(db, timeLimitMs, (sql) => readFiltered(sql, part, page, filters))
    : part.hides
      ? await readFiltered(db.sql, part, page, {})
      : await Promise.all([readPage(db, part, page), countMessages(db, part)]);
  const { items, pagination } = paged(page, found, total);
  return { messages: items, pagination };
}

export type HistoryRequest = PageRequest & { filters?: MessageFilters; timeLimitMs?: number };

/** A condition on `messages`: the message was not cleared with its chat. */
export const notCleared = (sql: postgres.ISql): Fragment => sql`
  not exists (
    select from chats c where c.instance_id = messages.instance_id and c.chat_id = messages.chat_id
      and ${isCleared(sql)})`;

/** Whether messages of the chat were cleared and are not deleted yet (`deleteCleared`), which takes a minute or so. */
async function isPartlyCleared({ sql }: Database, instanceId: string, chatId: string): Promise<boolean> {
  const rows = await sql`
    select 1 from chats where instance_id = ${instanceId} and chat_id = ${chatId} and cleared_at is not null`;
  return rows.length > 0;
}

/** The messages of a chat, from one instant on and before another. */
interface Part {
  instanceId: string;
  chatId: string;
  from?: Date | undefined;
  before?: Date | undefined;
  /** Whether some of them were cleared. */
  hides: boolean;
}

/** Up to this many messages, an offset is faster than a lookup of days. */
const fewMessages = 500;

async function readPage(db: Database, part: Part, page: PageRequest) {
  const { sql } = db;
  const { before, skip } = page.skip > fewMessages ? await skipDays(db, part, page.skip) : { ...part, skip: page.skip };
  return await readRows(sql, within(sql, { ...part, before }), { limit: page.limit, skip });
}

/** Reads the page and counts all matches one after the other, because a transaction has one connection. */
async function readFiltered(sql: postgres.ISql, part: Part, page: PageRequest, filters: MessageFilters) {
  const where = sql`${within(sql, part)} ${matching(sql, sql`${part.instanceId}`, filters)}`;
  const found = await readRows(sql, where, page);
  const [row] = await sql<{ total: number }[]>`select count(*)::float8 as total from messages where ${where}`;
  return [found, row?.total ?? 0] as const;
}

const within = (sql: postgres.ISql, { instanceId, chatId, from, before, hides }: Part): Fragment => sql`
  instance_id = ${instanceId} and chat_id = ${chatId}
    ${from ? sql`and sent_at >= ${from}` : sql``} ${before ? sql`and sent_at < ${before}` : sql``}
    ${hides ? sql`and ${notCleared(sql)}` : sql``}`;

async function readRows(sql: postgres.ISql, where: Fragment, { limit, skip }: Pick<PageRequest, "limit" | "skip">) {
  const rows = sql`
    select ${selectMessages(sql)} from messages where ${where}
    order by sent_at desc, id desc limit ${limit} offset ${skip}`;
  const bytes = sql`octet_length(body) + octet_length(concat("pushName", content, context, media, reactions))`;
  return await readWithinBytes<HistoryMessage>(sql, rows, bytes);
}

/** Returns the end of the day of the first message to show, and how many messages of that day to skip. */
async function skipDays(db: Database, part: Part, skip: number): Promise<{ before: Date | undefined; skip: number }> {
  const { whole, newer } = daysOf(part);
  const [day] = await db.sql<{ end: Date; passed: number }[]>`
    with days as (
      select day, messages, sum(messages) over (order by day desc) ${countIn(db, part, newer)} as upto
      from ${wholeDays(db, part, whole)}
    )
    select (day + 1)::timestamp at time zone 'UTC' as end, (upto - messages)::float8 as passed
    from days where upto > ${skip} order by day desc limit 1`;
  // The message is in a partial day, before or after the whole ones.
  if (!day || day.passed > skip) return { before: part.before, skip };
  return { before: day.end, skip: skip - day.passed };
}

/**
 * Counts the messages. Adds up whole days from `message_days`, and counts rows only in the partial days at either limit.
 */
async function countMessages(db: Database, part: Part): Promise<number> {
  const { whole, newer, older } = daysOf(part);
  const [row] = await db.sql<{ total: number }[]>`
    select (coalesce((select sum(messages) from ${wholeDays(db, part, whole)}), 0)
      ${countIn(db, part, newer)} ${countIn(db, part, older)})::float8 as total`;
  return row?.total ?? 0;
}

/** The limits of a range in milliseconds since 1970, infinite without a limit. The end is exclusive. */
type Range = readonly [start: number, end: number];
const dayMs = 24 * 60 * 60 * 1000;

/** Splits a part into its whole days (UTC) and the partial days after and before them. */
function daysOf(part: Part): { whole: Range; newer: Range; older: Range } {
  const from = part.from?.getTime() ?? Number.NEGATIVE_INFINITY;
  const before = part.before?.getTime() ?? Number.POSITIVE_INFINITY;
  const whole: Range = [Math.ceil(from / dayMs) * dayMs, Math.floor(before / dayMs) * dayMs];
  if (whole[0] > whole[1]) return { whole, newer: [from, before], older: [0, 0] };
  return { whole, newer: [whole[1], before], older: [from, whole[0]] };
}

const wholeDays = (db: Database, { instanceId, chatId }: Part, [start, end]: Range) => db.sql`(
  select day, messages from message_days where instance_id = ${instanceId} and chat_id = ${chatId}
    and day >= ${dayOf(start)}::text::date and day < ${dayOf(end)}::text::date) whole_days`;

/** An SQL term that adds the number of messages within a range. */
const countIn = (db: Database, { instanceId, chatId }: Part, [start, end]: Range) =>
  start < end
    ? db.sql`
      + (select count(*) from messages where instance_id = ${instanceId} and chat_id = ${chatId}
        and sent_at >= ${instantOf(start)}::text::timestamptz and sent_at < ${instantOf(end)}::text::timestamptz)`
    : db.sql``;

/** Returns the limit as text for Postgres to parse, because the driver has no infinite dates. */
const instantOf = (ms: number) =>
  Number.isFinite(ms) ? new Date(ms).toISOString() : ms < 0 ? "-infinity" : "infinity";
const dayOf = (ms: number) => instantOf(ms).replace(/T.*/, "");

/** Returns the JID of a chat that is given in any spelling. Throws `invalid_request`. */
export function chatJid(chat: string): string {
  const jid = toJid(chat) ?? /^[\w.:-]{1,64}@(?:broadcast|newsletter)$/.exec(chat)?.[0];
  if (jid) return jid;
  throw new AppError("invalid_request", "chatId: must be an international phone number or a WhatsApp JID");
}
