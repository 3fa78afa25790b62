import { AppError } from "../../../core/error.ts";
import { lruCache } from "../../../core/lru.ts";
import { isSend, type OrderedCommand } from "../claim/claimed-command.ts";

/** Maximum number of tries of a command that fails for a reason that may be temporary. */
const maxTries = 3;
/** Maximum number of tries of a send, if WhatsApp says that its trouble is temporary. With the pauses, 9 minutes. */
const maxSendTries = 15;
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;

/** For how many sends it is remembered that their attempt is counted. */
const maxCounted = 10_000;

/** The attempts of commands. An attempt lasts as long as the process, however often the connection ends. */
export class Attempts {
  /** By command id. */
  readonly #counted = lruCache<string, number>(maxCounted);
  readonly #count: (commandId: string) => Promise<number>;

  /** `count` counts an attempt and returns the number of attempts so far. */
  constructor(count: (commandId: string) => Promise<number>) {
    this.#count = count;
  }

  /** Counts the attempt, unless this was done before. Returns the number of attempts so far. */
  async count(commandId: string): Promise<number> {
    const attempts = this.#counted.get(commandId) ?? (await this.#count(commandId));
    this.#counted.set(commandId, attempts);
    return attempts;
  }
}

/** The failed tries of the commands of one instance. */
export class Tries {
  /** By command id. */
  readonly #failed = new Map<string, number>();

  /** Counts a failed try. Returns after how many milliseconds the command is tried again, or undefined if it fails. */
  next(command: OrderedCommand, error: unknown): number | undefined {
    const failed = (this.#failed.get(command.id) ?? 0) + 1;
    const isWaitable = isTemporary(error) && (isSend(command) || !(error instanceof AppError));
    const limit = isWaitable && isSend(command) ? maxSendTries : maxTries;
    const mayHelp = isWaitable || !(error instanceof AppError || refusalCode(error) === 429);
    if (!mayHelp || failed >= limit) {
      this.#failed.delete(command.id);
      return undefined;
    }
    this.#failed.set(command.id, failed);
    return isWaitable ? Math.min(firstPauseMs * 2 ** (failed - 1), longestPauseMs) : 0;
  }

  /** Call this when a command ends otherwise. */
  forget({ id }: OrderedCommand): void {
    this.#failed.delete(id);
  }
}

/**
 * Returns the code with which WhatsApp refused a request, also if an executor has described the refusal. Baileys puts
 * the code into `data` (`assertNodeErrorFree` in WABinary/generic-utils.js).
 */
export function refusalCode(error: unknown): number | undefined {
  const { data, cause } = (error ?? {}) as { data?: unknown; cause?: unknown };
  if (typeof data === "number") return data;
  const isDescribed = error instanceof AppError && (error.code === "whatsapp_error" || error.code === "rate_limited");
  return isDescribed ? refusalCode(cause) : undefined;
}

/**
 * Whether WhatsApp refused a request for a reason that is likely to pass: a timeout or trouble of its servers. Source:
 * `ErrIQInternalServerError`, `ErrIQServiceUnavailable` and `ErrIQPartialServerError` (530) in whatsmeow's errors.go.
 */
export function isTemporary(error: unknown): boolean {
  const code = refusalCode(error);
  return code !== undefined && (code === 408 || code >= 500);
}
