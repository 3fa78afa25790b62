import { readChats } from "../../../core/chat/index.ts";
import { AppError } from "../../../core/error.ts";
import { readHistory } from "../../../core/message/history.ts";
import { readTally } from "../../../core/message/response.ts";
import type { PageRequest } from "../../../core/page.ts";
import type { InstanceContext } from "../context.ts";

export const getHistory = (context: InstanceContext, { chatId, ...page }: PageRequest & { chatId: string }) =>
  readHistory(context.deps.db, context.instance.id, chatId, page);

export const getTally = (context: InstanceContext, which: { messageId: string; chat?: string | undefined }) =>
  readTally(context.deps.db, context.instance.id, which);

export const getChats = (context: InstanceContext, page: { limit: number; skip: number }) =>
  readChats(context.deps.db, context.instance.id, page);

/** Sent all the same it would arrive as nothing or as a request to look at the phone: nobody is told that it went out. */
const refuse = (what: string, instead: string) => async (): Promise<{ messageId: string }> => {
  throw new AppError(
    "not_supported",
    `WhatsApp no longer shows ${what} of linked devices to their recipients; ${instead} instead`,
  );
};

export const refuseList = refuse("lists", "send a poll, or a text with numbered options,");
export const refuseButtons = refuse("buttons", "send a poll, or a text that says what to answer,");
