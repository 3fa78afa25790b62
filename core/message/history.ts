import { and, desc, eq, gte, type InferSelectModel, lt } from "drizzle-orm";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { messages } from "./message.sql.ts";
import { type PageRequest, type Pagination, pagination } from "./page.ts";
import { toJid } from "./recipient.ts";

/** A message without what only the session host needs. */
export type HistoryMessage = Omit<InferSelectModel<typeof messages>, "payload" | "protoType" | "context">;

const columns = {
  id: messages.id,
  instanceId: messages.instanceId,
  waId: messages.waId,
  chatId: messages.chatId,
  fromMe: messages.fromMe,
  senderId: messages.senderId,
  senderLid: messages.senderLid,
  pushName: messages.pushName,
  type: messages.type,
  body: messages.body,
  media: messages.media,
  status: messages.status,
  error: messages.error,
  sentAt: messages.sentAt,
  deliveredAt: messages.deliveredAt,
  readAt: messages.readAt,
  editedAt: messages.editedAt,
  deletedAt: messages.deletedAt,
  createdAt: messages.createdAt,
};

/**
 * The messages of a chat from the newest to the oldest, by the time they were written. The chat is meant in any spelling that a recipient may
 * have, or as any other JID, as a channel's. Throws `invalid_request` when it is none.
 */
export async function readHistory(
  db: Database,
  instanceId: string,
  chat: string,
  page: PageRequest,
): Promise<{ messages: HistoryMessage[]; pagination: Pagination }> {
  const where = and(
    eq(messages.instanceId, instanceId),
    eq(messages.chatId, chatJid(chat)),
    page.from && gte(messages.sentAt, page.from),
    page.before && lt(messages.sentAt, page.before),
  );
  const rows = await db.orm
    .select(columns)
    .from(messages)
    .where(where)
    .orderBy(desc(messages.sentAt), desc(messages.id))
    .limit(page.limit)
    .offset(page.skip);
  const total = await db.orm.$count(messages, where);
  return { messages: rows, pagination: pagination(page, rows.length, total) };
}

/** The JID of a chat in any spelling. Throws `invalid_request`. */
export function chatJid(chat: string): string {
  const jid = toJid(chat) ?? /^[\w.:-]{1,64}@(?:broadcast|newsletter)$/.exec(chat)?.[0];
  if (jid) return jid;
  throw new AppError("invalid_request", "chatId: must be an international phone number or a WhatsApp JID");
}
