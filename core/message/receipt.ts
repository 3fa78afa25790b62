import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { type PageRequest, type Pagination, paged } from "../page.ts";
import { findMessage } from "./find.ts";
import { spellingsOf } from "./forward.ts";
import { messageId as anyMessageId } from "./id.ts";
import type { MessageStatus } from "./message.sql.ts";
import { isGroupJid } from "./recipient.ts";

/** What is known about one recipient of a message. */
export interface RecipientReceipt {
  /** JID of the person, by phone number if it is known. */
  jid: string;
  lid: string | null;
  deliveredAt: Date;
  readAt: Date | null;
  playedAt: Date | null;
}

export interface MessageReceipts {
  messageId: string;
  chatId: string;
  status: MessageStatus;
  /** The number of people to whom the message was sent. Null if it is not known. */
  recipients: number | null;
  receipts: RecipientReceipt[];
  pagination: Pagination;
}

/**
 * Returns who has received, read and played a message or status post of the account, in the order of delivery. Throws
 * `message_not_found`, also for a message that the account did not send, and `invalid_request` when messages in several
 * chats have this id and `chat` is not given.
 */
export async function readReceipts(
  db: Database,
  instanceId: string,
  { messageId, chat }: { messageId: string; chat?: string | undefined },
  page: Pick<PageRequest, "limit" | "skip">,
): Promise<MessageReceipts> {
  if (!anyMessageId.safeParse(messageId).success) throw new AppError("message_not_found");
  const chats = chat === undefined ? undefined : await spellingsOf(db, instanceId, chat);
  const { id, chatId, status, fromMe } = await findMessage(db, instanceId, messageId, chats);
  if (!fromMe) throw new AppError("message_not_found", "the account did not send this message");
  const [rows, [counted]] = await Promise.all([
    db.sql<RecipientReceipt[]>`
      select coalesce(contacts.jid, receipt.jid) as jid, coalesce(receipt.lid, contacts.lid) as lid,
        delivered_at as "deliveredAt", read_at as "readAt", played_at as "playedAt"
      from message_receipts receipt
      left join contacts on contacts.instance_id = ${instanceId} and contacts.lid = receipt.jid
      where message_id = ${id} order by delivered_at, receipt.jid limit ${page.limit} offset ${page.skip}`,
    db.sql<{ total: number; members: number | null; audience: number | null }[]>`
      select (select count(*)::int from message_receipts where message_id = ${id}) as total,
        cardinality(people) as members, jsonb_array_length(context->'audience') as audience
      from messages left join recipient_lists list on list.instance_id = messages.instance_id and hash = recipients
      where messages.id = ${id}`,
  ]);
  const { items, pagination } = paged(page, { items: rows }, counted?.total ?? 0);
  const isDirect = !isGroupJid(chatId) && !chatId.endsWith("@broadcast");
  const recipients = counted?.members ?? counted?.audience ?? (isDirect ? 1 : null);
  return { messageId, chatId, status, recipients, receipts: items, pagination };
}
