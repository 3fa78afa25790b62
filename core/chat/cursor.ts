import { AppError } from "../error.ts";

/** The last chat of a page. */
export interface ChatCursor {
  /** 0 for a pinned chat and for all chats of a list in which pinned chats don't come first, otherwise 1. */
  rank: number;
  /** The time of the newest message, as Postgres writes it, with microseconds. */
  lastAt: string;
  chatId: string;
}

export const encodeCursor = ({ rank, lastAt, chatId }: ChatCursor): string =>
  Buffer.from(JSON.stringify([rank, lastAt, chatId])).toString("base64url");

/** Throws `invalid_request` for a text that is not a cursor. */
export function decodeCursor(text: string): ChatCursor {
  try {
    const [rank, lastAt, chatId]: unknown[] = JSON.parse(Buffer.from(text, "base64url").toString());
    const isTime = typeof lastAt === "string" && /^\d{4}-\d{2}-\d{2} [\d:.]{8,15}[+-][\d:]{2,8}$/.test(lastAt);
    if ((rank === 0 || rank === 1) && isTime && typeof chatId === "string" && /^[!-~]{1,128}$/.test(chatId))
      return { rank, lastAt, chatId };
  } catch {
    // Not JSON.
  }
  throw new AppError("invalid_request", "cursor must be the nextCursor of an earlier page");
}
