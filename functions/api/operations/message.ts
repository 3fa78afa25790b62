import { AppError } from "../../../core/error.ts";

/** Sent all the same it would arrive as nothing or as a request to look at the phone: nobody is told that it went out. */
const refuse = (what: string, instead: string) => async (): Promise<{ messageId: string }> => {
  throw new AppError(
    "not_supported",
    `WhatsApp no longer shows ${what} of linked devices to their recipients; ${instead} instead`,
  );
};

export const refuseList = refuse("lists", "send a poll, or a text with numbered options,");
export const refuseButtons = refuse("buttons", "send a poll, or a text that says what to answer,");
