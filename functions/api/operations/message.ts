import { AppError } from "../../../core/error.ts";

/** Refuses a kind of message that recipients would not see, or would see only as a hint to look at their phone. */
const refuse = (what: string, alternative: string) => async (): Promise<{ messageId: string }> => {
  throw new AppError("not_supported", `WhatsApp no longer shows ${what} from linked devices; ${alternative} instead`);
};

export const refuseList = refuse("lists", "send a poll or a text with numbered options");
export const refuseButtons = refuse("buttons", "send a poll or a text that lists the answers");
