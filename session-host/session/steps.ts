import type { Logger } from "../../core/log.ts";
import { asInstance } from "../concurrency/instance-context.ts";

/** Runs the steps that change a session one after the other. */
export class Steps {
  readonly #instanceId: string;
  readonly #log: Logger;
  /** Settles when the last step has ended. */
  #last: Promise<unknown> = Promise.resolve();
  /** Correlation id of the command that caused the current step. */
  #correlationId: string | undefined;

  constructor(instanceId: string, log: Logger) {
    this.#instanceId = instanceId;
    this.#log = log;
  }

  /** The fields that log lines about the current step have. */
  get trace() {
    return { correlationId: this.#correlationId, instanceId: this.#instanceId };
  }

  /** Runs a step after all earlier steps. */
  run<Result>(work: () => Promise<Result>, correlationId?: string): Promise<Result> {
    const result = this.#last.then(() => {
      this.#correlationId = correlationId;
      return asInstance(this.#instanceId, work);
    });
    this.#last = result.catch((error: unknown) => {
      this.#log.error({ ...this.trace, err: error }, "a step of the session failed");
    });
    return result;
  }
}
