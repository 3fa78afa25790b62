import { type Caller, hasScope } from "../caller.ts";
import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { Logger } from "../log.ts";
import { type LastingCaller, recheckCallers } from "../user/authenticate.ts";

/** How often credentials are checked again, in milliseconds. A stream ends at most this long after a revocation. */
const defaultCheckMs = 3_000;
/** How long a stream continues while the database can't tell whether its credentials are valid, in milliseconds. */
const uncheckedMs = 30_000;

/** A stream whose caller is checked again and again. */
export interface Guarded extends LastingCaller {
  caller: Caller;
  /** The credentials are no longer valid, or could not be checked for too long. */
  refuse(error: AppError): void;
}

export interface GuardDeps {
  db: Database;
  clock: Clock;
  log: Logger;
  /** Default 3 s. */
  checkMs?: number | undefined;
}

/** Checks the credentials of all open streams of this process in one statement. Checks nothing without streams. */
export class Guard {
  readonly #deps: GuardDeps;
  readonly #streams = new Set<Guarded>();
  #timer: NodeJS.Timeout | undefined;
  #checking = false;
  #checkedAt = 0;

  constructor(deps: GuardDeps) {
    this.#deps = deps;
  }

  /** Watches a stream whose credentials were valid just now. Returns a function that ends this. */
  watch(stream: Guarded): () => void {
    if (this.#streams.size === 0) this.#checkedAt = performance.now();
    this.#streams.add(stream);
    this.#arm();
    return () => {
      this.#streams.delete(stream);
      if (this.#streams.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  #arm(): void {
    if (this.#timer || this.#checking || this.#streams.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#check();
    }, this.#deps.checkMs ?? defaultCheckMs);
  }

  async #check(): Promise<void> {
    this.#checking = true;
    // Streams with the same credentials and address share a check.
    const groups = Map.groupBy(this.#streams, ({ caller, ip }) =>
      [caller.userId, caller.key?.id, caller.token?.expiresAt.getTime(), ip].join(),
    );
    const members = [...groups.values()];
    const askedAt = performance.now();
    try {
      const results = await recheckCallers(
        this.#deps,
        members.flatMap(([first]) => first ?? []),
      );
      this.#checkedAt = askedAt;
      for (const [index, streams] of members.entries())
        for (const stream of streams) settle(stream, results[index] ?? new AppError("invalid_credentials"));
    } catch (error) {
      this.#deps.log.warn({ err: error, streams: this.#streams.size }, "can't check the credentials of streams");
      if (askedAt - this.#checkedAt > uncheckedMs)
        for (const stream of this.#streams) stream.refuse(new AppError("unavailable"));
    }
    this.#checking = false;
    this.#arm();
  }
}

function settle(stream: Guarded, result: Caller | AppError): void {
  if (result instanceof AppError) stream.refuse(result);
  else if (!result.permissions.has("read") || !hasScope(result, "events:read"))
    stream.refuse(new AppError("forbidden"));
  else stream.caller = result;
}
