import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { MessageContext } from "./context.ts";
import type { MessageStatus } from "./message.sql.ts";
import { isChannelJid, isGroupJid } from "./recipient.ts";

/** The properties of a message that commands on the message need. */
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
  /** Whether the message is scheduled and not yet due. */
  scheduled: boolean;
}

/**
 * Returns the message with this WhatsApp id. The sender chooses the id, so several messages may have it: `chats` limits
 * the search to these chats, as JIDs that may all stand for the same chat. The account's own message takes precedence.
 * Throws `message_not_found`, and `invalid_request` if several messages match.
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
  if (others.length > 0) throw new AppError("invalid_request", "several messages have this id: give the chat");
  return found;
}

/**
 * Checks that a chat can quote the message. Throws `message_not_found` if no message has the id or only messages of
 * other groups have it, and `not_supported` for a channel. Which person's chat has it is left to the session host,
 * because WhatsApp may spell the number differently.
 */
export async function assertQuotable(db: Database, instanceId: string, waId: string, chat: string): Promise<void> {
  if (isChannelJid(chat)) throw new AppError("not_supported", "WhatsApp has no quotes in channels");
  const [row] = await db.sql`
    select 1 from messages where instance_id = ${instanceId} and wa_id = ${waId}
      and case when ${isGroupJid(chat)} then chat_id = ${chat} else chat_id not like '%@g.us' end limit 1`;
  if (!row) throw new AppError("message_not_found", "this chat has no such message to quote");
}
