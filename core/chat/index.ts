import type { Database } from "../db/index.ts";
import { readWithinBytes } from "../db/page.ts";
import type { MessageStatus } from "../message/message.sql.ts";
import { type Pagination, paged } from "../page.ts";

/** A chat in the list of chats. */
export interface Chat {
  /** JID: the phone number if known, else the LID; `…@g.us` for groups. */
  id: string;
  /** The best name known: address book or group subject, business name, push name, or phone number; else the JID. */
  name: string;
  isGroup: boolean;
  /** Messages in the history of the chat. */
  messages: number;
  lastWaId: string;
  lastFromMe: boolean;
  lastType: string;
  lastBody: string;
  lastStatus: MessageStatus;
  lastSentAt: Date;
}

/**
 * Lists the chats of an instance, the one with the newest message first. Status posts are not chats. `message_days` has the
 * day of each chat's newest message, so the query reads that message only for chats that may appear on the page.
 */
export async function readChats(
  db: Database,
  instanceId: string,
  page: { limit: number; skip: number },
): Promise<{ chats: Chat[]; pagination: Pagination }> {
  const { limit, skip } = page;
  const days = db.sql`
    select chat_id, max(day) as last_day, sum(messages)::float8 as messages from message_days
    where instance_id = ${instanceId} and messages > 0 and chat_id <> 'status@broadcast' group by chat_id`;
  const rows = db.sql`
      with chats as materialized (${days}),
      bound as (select last_day from chats order by last_day desc offset ${skip + limit - 1} limit 1)
      select chats.chat_id as id, chats.chat_id like '%@g.us' as "isGroup", chats.messages,
        coalesce(known.name, known.business_name, known.push_name,
          (select name from channels where instance_id = ${instanceId} and jid = chats.chat_id),
          case when chats.chat_id like '%@s.whatsapp.net' then split_part(chats.chat_id, '@', 1) else chats.chat_id end) as name,
        newest.wa_id as "lastWaId", newest.from_me as "lastFromMe", newest.type as "lastType", newest.body as "lastBody",
        newest.status as "lastStatus", newest.sent_at as "lastSentAt"
      from chats
      cross join lateral (
        select id, wa_id, from_me, type, body, status, sent_at from messages
        where instance_id = ${instanceId} and chat_id = chats.chat_id order by sent_at desc, id desc limit 1) newest
      left join lateral (
        select name, business_name, push_name from contacts
        where instance_id = ${instanceId} and (jid = chats.chat_id or lid = chats.chat_id) limit 1) known on true
      where chats.last_day >= coalesce((select last_day from bound), '-infinity')
      order by newest.sent_at desc, newest.id desc limit ${limit} offset ${skip}`;
  const [found, [count]] = await Promise.all([
    readWithinBytes<Chat>(db.sql, rows, db.sql`octet_length("lastBody") + octet_length(name)`),
    db.sql<{ total: number }[]>`select count(*)::int as total from (${days}) chats`,
  ]);
  const { items: chats, pagination } = paged(page, found, count?.total ?? 0);
  return { chats, pagination };
}
