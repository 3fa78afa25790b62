import { AppError } from "../../core/error.ts";
import type { InstanceStatus } from "../../core/instance/instance.sql.ts";

/** Who waits for a session to get to a status. */
export class StatusWaiters {
  readonly #waiting = new Set<{ status: InstanceStatus; resolve: () => void }>();

  /** It is there now. */
  reached(status: InstanceStatus): void {
    for (const waiter of this.#waiting) if (waiter.status === status) waiter.resolve();
  }

  /** Throws `whatsapp_error` when it takes longer. */
  async until(status: InstanceStatus, timeoutMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { status, resolve };
    this.#waiting.add(waiter);
    const timer = setTimeout(
      () => reject(new AppError("whatsapp_error", `WhatsApp did not get to ${status} in time`)),
      timeoutMs,
    );
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiter);
    }
  }
}
