import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { MessageContext } from "./context.ts";
import type { MessageStatus } from "./message.sql.ts";
import { isChannelJid, isGroupJid } from "./recipient.ts";

/** A message as those who want to do something with it need it. */
export interface FoundMessage {
  id: string;
  waId: string;
  chatId: string;
  fromMe: boolean;
  senderId: string;
  senderLid: string | null;
  type: string;
  protoType: string;
  body: string;
  status: MessageStatus;
  context: MessageContext | null;
  sentAt: Date;
  deletedAt: Date | null;
  /** It was asked for later, and its time has not come. */
  scheduled: boolean;
}

/**
 * The message that has this id at WhatsApp. The id is the sender's choice, so several may have it: `chats` says in which
 * chats to look, JIDs that may all stand for the same one. Our own goes before others'. Throws `message_not_found`, and
 * `invalid_request` when it is not clear which one is meant.
 */
export async function findMessage(
  db: Database,
  instanceId: string,
  waId: string,
  chats?: readonly string[] | undefined,
): Promise<FoundMessage> {
  const rows = await db.sql<FoundMessage[]>`
    select id, wa_id as "waId", chat_id as "chatId", from_me as "fromMe", sender_id as "senderId", sender_lid as "senderLid",
      type, proto_type as "protoType", body, status, context, sent_at as "sentAt", deleted_at as "deletedAt",
      status = 'pending' and exists (
        select 1 from commands where instance_id = ${instanceId} and commands.wa_id = ${waId} and commands.status = 'scheduled'
      ) as scheduled
    from messages where instance_id = ${instanceId} and wa_id = ${waId}
      and (${chats === undefined} or chat_id = any(${chats ?? []}::text[]))
    limit 10`;
  const own = rows.filter((row) => row.fromMe);
  const [found, ...others] = own.length > 0 ? own : rows;
  if (!found) throw new AppError("message_not_found");
  if (others.length > 0) throw new AppError("invalid_request", "several messages have this id: say in which chat");
  return found;
}

/**
 * Refuses to quote what cannot be quoted in this chat: nothing here has the id, or only a message of another group. Whether a
 * person's chat is the right one the host knows, as WhatsApp may know the number in another spelling.
 * Throws `message_not_found`, and `not_supported` for a channel.
 */
export async function assertQuotable(db: Database, instanceId: string, waId: string, chat: string): Promise<void> {
  if (isChannelJid(chat)) throw new AppError("not_supported", "WhatsApp has no quotations in channels");
  const [row] = await db.sql`
    select 1 from messages where instance_id = ${instanceId} and wa_id = ${waId}
      and case when ${isGroupJid(chat)} then chat_id = ${chat} else chat_id not like '%@g.us' end limit 1`;
  if (!row) throw new AppError("message_not_found", "there is no such message to quote in this chat");
}
