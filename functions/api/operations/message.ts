import { AppError } from "../../../core/error.ts";

/** Recipients would see nothing, or a hint to look at their phone, so the gateway refuses instead of reporting success. */
const refuse = (what: string, instead: string) => async (): Promise<{ messageId: string }> => {
  throw new AppError("not_supported", `WhatsApp no longer shows ${what} from linked devices; ${instead} instead`);
};

export const refuseList = refuse("lists", "send a poll or a text with numbered options");
export const refuseButtons = refuse("buttons", "send a poll or a text that lists the answers");
