import * as z from "zod";
import { AppError } from "../error.ts";
import { instant } from "../instant.ts";

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

/** Postgres writes `2026-12-31 23:59:59.999999+00`, which is ISO 8601 with a `T` and minutes in the offset. */
const isTime = (text: string) =>
  instant.safeParse(text.replace(" ", "T").replace(/([+-]\d{2})$/, "$1:00")).success &&
  /[+-](?:0\d|1[0-4]):?\d*$/.test(text);

const parts = z.tuple([
  z.union([z.literal(0), z.literal(1)]),
  z.string().max(40).refine(isTime),
  z.string().regex(/^[!-~]{1,128}$/),
]);

/** Throws `invalid_request` for a text that `encodeCursor` never returns. */
export function decodeCursor(text: string): ChatCursor {
  const [rank, lastAt, chatId] = partsOf(text);
  const cursor = { rank, lastAt, chatId };
  if (encodeCursor(cursor) === text) return cursor;
  throw notACursor();
}

function partsOf(text: string): z.output<typeof parts> {
  try {
    return parts.parse(JSON.parse(Buffer.from(text, "base64url").toString()));
  } catch {
    throw notACursor();
  }
}

const notACursor = () => new AppError("invalid_request", "cursor: must be the nextCursor of an earlier page");
