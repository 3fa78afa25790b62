import type { Database } from "../db/index.ts";
import { requestFile } from "../db/request-file.ts";
import { AppError } from "../error.ts";
import { type FoundMessage, findMessage } from "./find.ts";
import type { MessageMedia } from "./message.sql.ts";

/** Kinds of messages that can be forwarded. Of other kinds of messages, only the text and the file are stored. */
const forwardable = ["text", "image", "video", "audio", "document", "sticker"] as const;

/** The parts of the original message that a forward contains. */
export type Forwarded = Pick<FoundMessage, "id" | "type" | "protoType" | "body" | "context"> & {
  media: MessageMedia | null;
};

/**
 * Returns the message to forward. Throws `message_not_found`, also for a message that was deleted or never sent,
 * `conflict` for a message that is not sent yet, `media_not_ready` and `media_lost` when its file is not stored, and
 * `not_supported` for a message that is neither a text nor a file.
 */
export async function findForwardable(
  db: Database,
  instanceId: string,
  input: { messageId: string; chat?: string | undefined },
): Promise<Forwarded> {
  const chats = input.chat === undefined ? undefined : await spellingsOf(db, instanceId, input.chat);
  const row = await findMessage(db, instanceId, input.messageId, chats);
  if (row.deletedAt || row.status === "failed" || row.status === "canceled") {
    throw new AppError("message_not_found", "the message was deleted or never sent");
  }
  if (row.scheduled) throw new AppError("conflict", "the message is not sent yet");
  if (!forwardable.some((type) => type === row.type)) {
    throw new AppError("not_supported", `a message of type ${row.type} cannot be forwarded`);
  }
  if (row.context?.viewOnce) throw new AppError("not_supported", "a view-once message cannot be forwarded");
  const [stored] = await db.sql<{ media: MessageMedia | null }[]>`select media from messages where id = ${row.id}`;
  const media = stored?.media ?? null;
  if (row.type !== "text" && media?.state !== "stored") {
    if (media?.state === "remote" || media?.retry) await requestFile(db, row.id);
    if (media?.state === "failed") throw new AppError("media_lost");
    throw new AppError(row.status === "pending" ? "conflict" : "media_not_ready");
  }
  return { id: row.id, type: row.type, protoType: row.protoType, body: row.body, context: row.context, media };
}

/** Returns the JIDs under which the history may have this chat. */
export async function spellingsOf(db: Database, instanceId: string, chat: string): Promise<string[]> {
  const rows = await db.sql<{ jid: string }[]>`
    select jid from contacts where instance_id = ${instanceId} and lid = ${chat}`;
  return [chat, ...rows.map((row) => row.jid)];
}
