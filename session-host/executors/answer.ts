import { AppError } from "../../core/error.ts";
import { within } from "../../core/timeout.ts";

/** Below the 60 s after which Baileys treats a missing answer as an empty one, which for most changes means success. */
const answerTimeoutMs = 30_000;

type Meanings = Readonly<Record<number, AppError>>;

const notAllowed = "WhatsApp allows this to members of the group only, and some actions to its admins only";

/**
 * Returns WhatsApp's answer about a group. For a refusal, throws what `meanings` has for WhatsApp's code, else `group_not_found`
 * (404), `forbidden` (401, 403) or `whatsapp_error`. Errors of the connection pass through: those are worth a retry.
 */
export async function answerOf<T>(work: Promise<T>, meanings: Meanings = {}): Promise<T> {
  try {
    return await within(answerTimeoutMs, work, () => new AppError("whatsapp_error", "WhatsApp did not answer in time"));
  } catch (error) {
    const code = refusalOf(error);
    if (code === undefined) throw error;
    if (meanings[code]) throw meanings[code];
    if (code === 404) throw new AppError("group_not_found", undefined, { cause: error });
    if (code === 401 || code === 403) throw new AppError("forbidden", notAllowed, { cause: error });
    throw new AppError("whatsapp_error", `${(error as Error).message} (${code})`, { cause: error });
  }
}

/** Like `answerOf`, for changes that must not be made twice. Throws `outcome_unknown` if WhatsApp's answer is missing. */
export async function onlyOnce<T>(work: Promise<T>, meanings: Meanings = {}): Promise<T> {
  let refused = false;
  const watched = work.catch((error: unknown) => {
    refused = refusalOf(error) !== undefined;
    throw error;
  });
  return answerOf(watched, meanings).catch((error: unknown) => {
    if (refused) throw error;
    throw new AppError("outcome_unknown", "WhatsApp did not answer; it is not known whether the change was made", {
      cause: error,
    });
  });
}

/** Returns the code of a refusal, which Baileys puts into `data`; undefined if WhatsApp did not answer. */
function refusalOf(error: unknown): number | undefined {
  const { data } = error as { data?: unknown };
  return typeof data === "number" ? data : undefined;
}
