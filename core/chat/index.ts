import type { Database } from "../db/index.ts";
import { type Fragment, readWithinBytes } from "../db/page.ts";
import { isCleared, isShown } from "../db/visible.ts";
import { AppError } from "../error.ts";
import type { MessageStatus } from "../message/message.sql.ts";
import { type Pagination, paged } from "../page.ts";
import { type ChatCursor, decodeCursor, encodeCursor } from "./cursor.ts";

/** A chat in the list of chats. */
export interface Chat {
  /** JID: the phone number if known, else the LID; `…@g.us` for groups. */
  id: string;
  /** The best name known: address book or group subject, business name, push name, or phone number; else the JID. */
  name: string;
  isGroup: boolean;
  /** Messages in the history of the chat. */
  messages: number;
  /** Messages that nobody has read on the phone or through the API. */
  unread: number;
  markedUnread: boolean;
  archived: boolean;
  pinnedAt: Date | null;
  muted: boolean;
  /** Null if the chat is not muted, or muted without an end. */
  mutedUntil: Date | null;
  /** Seconds after which messages disappear, 0 for never. Null if it is not known. */
  ephemeral: number | null;
  /** Null for a chat without messages. */
  last: LastMessage | null;
}

export interface LastMessage {
  waId: string;
  fromMe: boolean;
  type: string;
  body: string;
  status: MessageStatus;
  /** ISO 8601. */
  sentAt: string;
}

/** The kinds of chats. */
export const chatKinds = ["person", "group", "channel"] as const;

/** Which chats to list. A field that is absent selects all chats. */
export interface ChatFilter {
  archived?: boolean | undefined;
  pinned?: boolean | undefined;
  muted?: boolean | undefined;
  /** Whether the chat has unread messages or was marked as unread. */
  unread?: boolean | undefined;
  kind?: (typeof chatKinds)[number] | undefined;
  /** Part of the name or of the phone number. Upper and lower case are equal. */
  search?: string | undefined;
  /** The id of a label. */
  label?: string | undefined;
}

export interface ChatsRequest extends ChatFilter {
  limit: number;
  skip: number;
  /** The end of the page before. `skip` then counts from there. */
  cursor?: string | undefined;
  /** Whether the pinned chats come before all others. */
  pinnedFirst?: boolean | undefined;
}

export interface ChatPage {
  chats: Chat[];
  pagination: Pagination;
  /** The cursor of the next page. Null if this is the last page. */
  nextCursor: string | null;
}

/**
 * Lists the chats of an instance, the one with the newest message first. Status posts are not chats. The page comes from an
 * index, so the query reads names and newest messages only of the chats on the page.
 */
export async function readChats(db: Database, instanceId: string, request: ChatsRequest): Promise<ChatPage> {
  const { limit, skip } = request;
  const where = conditionOf(db, instanceId, request);
  const page = chatPage(db, instanceId, request);
  const [found, [count]] = await Promise.all([
    readWithinBytes<Chat & Position>(
      db.sql,
      detailed(db, instanceId, page),
      db.sql`coalesce(octet_length(last->>'body'), 0)`,
    ),
    db.sql<{ total: number }[]>`select count(*)::int as total from chats c where ${where}`,
  ]);
  // One more chat than the page has shows whether there is a next page.
  const listed = { items: found.items.slice(0, limit), cut: found.cut };
  const { items, pagination } = paged({ limit, skip }, listed, count?.total ?? 0);
  const end = items.at(-1);
  const hasMore = found.cut || found.items.length > items.length;
  return {
    chats: items.map(({ rank: _rank, lastAt: _lastAt, ...chat }) => chat),
    pagination: request.cursor !== undefined ? { ...pagination, hasMore } : pagination,
    nextCursor: hasMore && end ? encodeCursor({ rank: end.rank, lastAt: end.lastAt, chatId: end.id }) : null,
  };
}

/** Returns the query for the rows of `chats` on a page, and one more. */
export function chatPage(db: Database, instanceId: string, request: ChatsRequest): Fragment {
  const { limit, skip, cursor, pinnedFirst = false } = request;
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  const part = { where: conditionOf(db, instanceId, request), after, limit, skip };
  return pinnedFirst ? pinnedPage(db, part) : plainPage(db, part);
}

/** Returns a chat by its JID or the LID of the person. Throws `chat_not_found`. */
export async function findChat(db: Database, instanceId: string, jid: string): Promise<Chat> {
  const rows = db.sql`
    select c.*, 0 as rank from chats c where c.instance_id = ${instanceId} and c.chat_id in (
      select ${jid}::text union select unnest(array[jid, lid]) from contacts
      where instance_id = ${instanceId} and (jid = ${jid} or lid = ${jid}))
    order by c.messages desc, c.chat_id desc limit 1`;
  const [found] = await db.sql<(Chat & Position)[]>`${detailed(db, instanceId, rows)}`;
  if (!found) throw new AppError("chat_not_found", `no chat with ${jid} is known`);
  const { rank: _rank, lastAt: _lastAt, ...shown } = found;
  return shown;
}

/** Where a chat is in the list: its rank, and the time of its newest message with microseconds. */
interface Position {
  rank: number;
  lastAt: string;
}

interface Part {
  where: Fragment;
  after: ChatCursor | undefined;
  limit: number;
  skip: number;
}

const plainPage = ({ sql }: Database, { where, after, limit, skip }: Part) => sql`
  select c.*, 0 as rank from chats c where ${where} and ${isAfter(sql, after)}
  order by last_at desc nulls last, chat_id limit ${limit + 1} offset ${skip}`;

/** Two ordered parts, because no index has the pinned chats before all others. An account has few pinned chats. */
const pinnedPage = ({ sql }: Database, { where, after, limit, skip }: Part) => sql`
  select * from (
    (select c.*, 0 as rank from chats c where ${where} and pinned_at is not null
      and ${after?.rank === 1 ? sql`false` : isAfter(sql, after)}
      order by last_at desc nulls last, chat_id limit ${skip + limit + 1})
    union all
    (select c.*, 1 as rank from chats c where ${where} and pinned_at is null
      and ${isAfter(sql, after?.rank === 1 ? after : undefined)}
      order by last_at desc nulls last, chat_id limit ${skip + limit + 1})
  ) parts order by rank, last_at desc nulls last, chat_id limit ${limit + 1} offset ${skip}`;

const isAfter = (sql: Database["sql"], after: ChatCursor | undefined) =>
  after
    ? sql`last_at <= ${after.lastAt}::timestamptz and (last_at < ${after.lastAt}::timestamptz or chat_id > ${after.chatId})`
    : sql`true`;

/** Returns the chats of a page with their names, timers and newest messages. */
const detailed = (db: Database, instanceId: string, page: Fragment) => {
  const { sql } = db;
  return sql`
    select c.chat_id as id, c.rank, c.last_at::text as "lastAt", ${columns(db, instanceId)}
    from (${page}) c
    left join lateral (${newestMessage(db, instanceId)}) newest on true
    order by c.rank, c.last_at desc nulls last, c.chat_id`;
};

const newestMessage = ({ sql }: Database, instanceId: string) => sql`
  select json_build_object('waId', wa_id, 'fromMe', from_me, 'type', type, 'body', body, 'status', status,
    'sentAt', to_char(sent_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) as last
  from messages where instance_id = ${instanceId} and chat_id = c.chat_id and ${isVisible(sql)}
  order by sent_at desc, id desc limit 1`;

/** A condition on `messages` of a chat `c`: the message can be its newest one, and was not cleared. */
const isVisible = (sql: Database["sql"]) => sql`${isShown(sql)} and not coalesce(${isCleared(sql)}, false)`;

const columns = (db: Database, instanceId: string) => db.sql`
  c.chat_id like '%@g.us' as "isGroup", c.messages, c.unread, c.marked_unread as "markedUnread", c.archived,
  c.pinned_at as "pinnedAt", coalesce(c.muted_until > now(), false) as muted,
  case when c.muted_until > now() and c.muted_until < 'infinity' then c.muted_until end as "mutedUntil", newest.last,
  (select seconds from chat_timers where instance_id = ${instanceId} and chat_id = c.chat_id) as ephemeral,
  coalesce(
    (select coalesce(name, business_name, push_name) from contacts
      where instance_id = ${instanceId} and (jid = c.chat_id or lid = c.chat_id) limit 1),
    (select name from channels where instance_id = ${instanceId} and jid = c.chat_id),
    case when c.chat_id like '%@s.whatsapp.net' then split_part(c.chat_id, '@', 1) else c.chat_id end) as name`;

/**
 * Returns the condition for the chats in the list. A chat is listed when it has a message that is sent, and a cleared chat
 * when it has another one.
 */
function conditionOf(db: Database, instanceId: string, filter: ChatFilter): Fragment {
  const { sql } = db;
  const { archived, pinned, muted, unread, kind, search, label } = filter;
  const conditions = [
    sql`c.instance_id = ${instanceId} and c.messages > 0 and c.chat_id <> 'status@broadcast'`,
    sql`c.last_at is not null`,
    sql`(c.cleared_at is null or exists (
      select from messages where instance_id = c.instance_id and chat_id = c.chat_id and ${isVisible(sql)}))`,
    archived !== undefined && (archived ? sql`c.archived` : sql`not c.archived`),
    pinned !== undefined && (pinned ? sql`c.pinned_at is not null` : sql`c.pinned_at is null`),
    muted !== undefined &&
      (muted
        ? sql`c.muted_until is not null and c.muted_until > now()`
        : sql`(c.muted_until is null or c.muted_until <= now())`),
    unread !== undefined &&
      (unread ? sql`(c.unread > 0 or c.marked_unread)` : sql`c.unread = 0 and not c.marked_unread`),
    kind && kindCondition(db, kind),
    label !== undefined && sql`c.chat_id in (${labeledChats(db, instanceId, label)})`,
    search?.trim() && searchCondition(db, instanceId, search.trim().toLowerCase()),
  ].filter((condition) => typeof condition === "object");
  return conditions.reduce((all, condition) => sql`${all} and ${condition}`);
}

function kindCondition({ sql }: Database, kind: (typeof chatKinds)[number]): Fragment {
  if (kind === "group") return sql`c.chat_id like '%@g.us'`;
  if (kind === "channel") return sql`c.chat_id like '%@newsletter'`;
  return sql`(c.chat_id like '%@s.whatsapp.net' or c.chat_id like '%@lid')`;
}

/** A label may name a person by number or by LID, and so may the chat. */
const labeledChats = ({ sql }: Database, instanceId: string, label: string) => sql`
  select unnest(array[t.chat_id, p.jid, p.lid]) from label_targets t
  left join contacts p on p.instance_id = t.instance_id and (p.jid = t.chat_id or p.lid = t.chat_id)
  where t.instance_id = ${instanceId} and t.label_id = ${label} and t.message_id = ''`;

/** Reads the names of all contacts of the instance, but only once. */
function searchCondition({ sql }: Database, instanceId: string, text: string): Fragment {
  // People write numbers with +, spaces and hyphens.
  const digits = /^[+\d\s().-]+$/.test(text) ? text.replace(/\D/g, "").replace(/^00/, "") : "";
  const byName = sql`
    c.chat_id in (
      select unnest(array[jid, lid]) from contacts where instance_id = ${instanceId}
        and position(${text}::text in lower(concat_ws(chr(10), name, push_name, business_name))) > 0
      union all select jid from channels where instance_id = ${instanceId} and position(${text}::text in lower(name)) > 0)`;
  return digits
    ? sql`(${byName} or (c.chat_id like '%@s.whatsapp.net' and position(${digits}::text in split_part(c.chat_id, '@', 1)) > 0))`
    : byName;
}
