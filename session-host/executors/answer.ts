import { AppError } from "../../core/error.ts";
import { within } from "../../core/timeout.ts";

/**
 * Must be below 60 s. After 60 s, Baileys treats a missing answer as an empty answer, which for most changes means
 * success.
 */
const answerTimeoutMs = 30_000;

/** Maps the code with which WhatsApp refuses a request to the error to throw. */
type Meanings = Readonly<Record<number, AppError>>;

const notAllowed = "WhatsApp allows this only to members of the group, and some actions only to its admins";

/** Returns WhatsApp's answer to a request. Throws `whatsapp_error` if WhatsApp does not answer in time. */
export const inTime = <T>(request: Promise<T>): Promise<T> =>
  within(answerTimeoutMs, request, () => new AppError("whatsapp_error", "WhatsApp did not answer in time"));

/**
 * Returns WhatsApp's answer to a request. If WhatsApp refuses the request, throws the error in `meanings` for
 * WhatsApp's code. If `meanings` lacks the code, throws `group_not_found` (404), `forbidden` (401, 403) or
 * `whatsapp_error`. Throws `whatsapp_error` if WhatsApp does not answer in time. Errors of the connection pass through,
 * because a retry may help.
 */
export async function answerOf<T>(request: Promise<T>, meanings: Meanings = {}): Promise<T> {
  try {
    return await inTime(request);
  } catch (error) {
    const code = refusalOf(error);
    if (code === undefined) throw error;
    if (meanings[code]) throw meanings[code];
    if (code === 429) throw rateLimited(error);
    if (code === 404) throw new AppError("group_not_found", undefined, { cause: error });
    if (code === 401 || code === 403) throw new AppError("forbidden", notAllowed, { cause: error });
    throw new AppError("whatsapp_error", `${(error as Error).message} (${code})`, { cause: error });
  }
}

/**
 * Like `answerOf`, but for changes that must not be made twice. Throws `outcome_unknown` if WhatsApp does not answer or
 * the connection fails.
 */
export async function onlyOnce<T>(request: Promise<T>, meanings: Meanings = {}): Promise<T> {
  let refused = false;
  const watched = request.catch((error: unknown) => {
    refused = refusalOf(error) !== undefined;
    throw error;
  });
  return answerOf(watched, meanings).catch((error: unknown) => {
    if (refused) throw error;
    throw new AppError(
      "outcome_unknown",
      "WhatsApp did not answer, so it is unknown whether WhatsApp made the change",
      {
        cause: error,
      },
    );
  });
}

/** Returns the error of a request that WhatsApp refused because there were too many. Its source is WhatsApp, not us. */
export const rateLimited = (cause: unknown): AppError =>
  new AppError(
    "rate_limited",
    "WhatsApp refuses requests of this account for a while, because there were too many (429)",
    {
      cause,
    },
  );

/** Returns the code of a refusal, which Baileys puts into `data`. Returns undefined for any other error. */
export function refusalOf(error: unknown): number | undefined {
  const { data } = error as { data?: unknown };
  return typeof data === "number" ? data : undefined;
}
