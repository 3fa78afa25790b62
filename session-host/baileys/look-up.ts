import { AppError } from "../../core/error.ts";
import { within } from "../../core/timeout.ts";

/**
 * How long WhatsApp may take to answer a look-up. Milliseconds. Must be below the 25 s for which the API waits, and below the
 * 60 s after which Baileys returns an empty answer, which for example means that a person has no picture.
 */
export const lookUpMs = 20_000;

/** WhatsApp's code for a timeout. A send that fails with it is tried again (`isTemporary`). */
const timeoutCode = 408;

/** Returns the error for a look-up that WhatsApp did not answer. */
export const unanswered = (what: string): AppError =>
  new AppError("whatsapp_error", `WhatsApp did not answer the look-up of ${what} in time`, {
    cause: Object.assign(new Error("timeout"), { data: timeoutCode }),
  });

/** Returns WhatsApp's answer to a look-up. Throws `whatsapp_error` if there is none in time. */
export const lookedUp = <Answer>(what: string, request: Promise<Answer>): Promise<Answer> =>
  within(lookUpMs, request, () => unanswered(what));
