import { fail } from "../../../core/command/end.ts";
import { AppError } from "../../../core/error.ts";
import type { Logger } from "../../../core/log.ts";
import { restrictionError, type Wait } from "../../../core/restriction/index.ts";
import type { ConnectedContext } from "../../executors/types.ts";
import type { Change } from "../../ledger/change.ts";
import { isSend, type OrderedCommand } from "../claim/claimed-command.ts";
import type { Brake } from "../limit/brake.ts";
import { failureOf } from "../run.ts";
import { traceOf } from "../trace.ts";
import { refusalCode, type Tries } from "./tries.ts";
import type { Waiting } from "./waiting.ts";

/** The pause after the database did not respond, until a send that WhatsApp refused or that must wait is tried again. */
export const retryMs = 1_000;

export interface FailuresDeps {
  log: Logger;
  brake: Brake | undefined;
  waiting: Waiting;
  tries: Tries;
  /** Whether a connection has ended, or an error means that it has. */
  isEnd: (error: unknown, context: ConnectedContext) => boolean;
  /** Records the end of a command. */
  end: (command: OrderedCommand, change: Change) => void;
}

/** Decides about the commands of one instance that can't go out now: they wait, are tried again, or fail. */
export class Failures {
  readonly #deps: FailuresDeps;

  constructor(deps: FailuresDeps) {
    this.#deps = deps;
  }

  /** Lets a send that WhatsApp has refused wait, or fails it. */
  obey(verdict: Wait | AppError, command: OrderedCommand, context: ConnectedContext): void {
    this.#deps.tries.forget(command);
    if (verdict instanceof AppError) this.#deps.end(command, fail(command, verdict));
    else this.wait(command, verdict, context);
  }

  /** Lets a send wait or fail if it can't go out now. Returns whether it can't. */
  async keepBack(command: OrderedCommand, context: ConnectedContext): Promise<boolean> {
    const { brake, waiting, isEnd } = this.#deps;
    const wait = await brake?.before(command, context);
    if (isEnd(undefined, context)) waiting.putBack(command);
    else if (wait) this.wait(command, wait, context);
    else return false;
    return true;
  }

  /** Puts a send back until it can go out, or fails it if its caller does not want to wait. */
  wait(command: OrderedCommand, wait: Wait, context: ConnectedContext): void {
    const { log, brake, waiting, end } = this.#deps;
    if (command.options?.onRestriction === "fail" && wait.reason !== "pace" && wait.reason !== "paused") {
      end(command, fail(command, restrictionError(wait, new Date())));
      return;
    }
    log.info({ ...traceOf(command), ...wait }, "a send waits");
    brake?.hold(command, wait, context).catch((error: unknown) => {
      log.warn({ ...traceOf(command), err: error }, "a send that waits was not put back; trying again");
      waiting.putBackFor(retryMs, command);
    });
  }

  /** Tries a failed command again later, or fails it. */
  async handle(command: OrderedCommand, context: ConnectedContext, error: unknown): Promise<void> {
    const { log, brake, waiting, tries, isEnd, end } = this.#deps;
    // If a command may have taken effect and must not take effect twice, it is not run again on the next connection.
    const isUnknown = error instanceof AppError && error.code === "outcome_unknown";
    if (isEnd(error, context) && !isUnknown) return waiting.putBack(command);
    if (brake && isSend(command) && refusalCode(error) === 429) {
      const verdict = await brake.refused(command, "429", context).catch(() => undefined);
      return verdict ? this.obey(verdict, command, context) : waiting.putBackFor(retryMs, command);
    }
    const pauseMs = tries.next(command, error);
    if (pauseMs !== undefined) {
      log.warn({ ...traceOf(command), err: error, pauseMs }, "a command failed; trying again");
      waiting.putBackFor(pauseMs, command);
      return;
    }
    log.warn({ ...traceOf(command), err: error }, "a command failed");
    end(command, fail(command, failureOf(error)));
  }
}
