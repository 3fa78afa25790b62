import { AppError } from "../../core/error.ts";
import type { InstanceStatus } from "../../core/instance/instance.sql.ts";
import { within } from "../../core/timeout.ts";

/** Callers that wait until a session reaches a connection state. */
export class StatusWaiters {
  readonly #waiting = new Set<{ status: InstanceStatus; resolve: () => void }>();

  /** Releases the callers that wait for this state. Call this when the session has reached it. */
  reached(status: InstanceStatus): void {
    for (const waiter of this.#waiting) if (waiter.status === status) waiter.resolve();
  }

  /** Waits until the session reaches the state. Throws `whatsapp_error` after `timeoutMs`. */
  async until(status: InstanceStatus, timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { status, resolve };
    this.#waiting.add(waiter);
    const late = () => new AppError("whatsapp_error", `the instance did not reach the state "${status}" in time`);
    await within(timeoutMs, promise, late).finally(() => this.#waiting.delete(waiter));
  }
}
