import { AppError } from "../../core/error.ts";

/** Baileys takes a silence of 60 s for an answer without content, which for most changes reads as success. */
const patienceMs = 30_000;

type Meanings = Readonly<Record<number, AppError>>;

const notAllowed = "WhatsApp allows this to members of the group only, and some things only to its admins";

/**
 * What WhatsApp answers about a group. Throws what a refusal means: `meanings` by WhatsApp's code, else `group_not_found` (404),
 * `forbidden` (401, 403) and `whatsapp_error`. An error of the connection stays what it is: it is worth another try.
 */
export async function answerOf<T>(work: Promise<T>, meanings: Meanings = {}): Promise<T> {
  const { promise: silence, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new AppError("whatsapp_error", "WhatsApp did not answer in time")), patienceMs);
  try {
    return await Promise.race([work, silence]);
  } catch (error) {
    const code = refusalOf(error);
    if (code === undefined) throw error;
    if (meanings[code]) throw meanings[code];
    if (code === 404) throw new AppError("group_not_found", undefined, { cause: error });
    if (code === 401 || code === 403) throw new AppError("forbidden", notAllowed, { cause: error });
    throw new AppError("whatsapp_error", `${(error as Error).message} (${code})`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** For what must not be done twice: where WhatsApp's answer is missing, nobody knows whether it was done. */
export async function onlyOnce<T>(work: Promise<T>, meanings: Meanings = {}): Promise<T> {
  let refused = false;
  const watched = work.catch((error: unknown) => {
    refused = refusalOf(error) !== undefined;
    throw error;
  });
  return answerOf(watched, meanings).catch((error: unknown) => {
    if (refused) throw error;
    throw new AppError("outcome_unknown", "WhatsApp did not answer; whether it was done is not known", {
      cause: error,
    });
  });
}

/** The code with which WhatsApp refused; undefined when it did not answer. Baileys puts it into `data`. */
function refusalOf(error: unknown): number | undefined {
  const { data } = error as { data?: unknown };
  return typeof data === "number" ? data : undefined;
}
