import type { Connection } from "../connection.ts";

/** Clients that ask to be linked with a code, and phones that wait for such a client, by phone number. */
export class LinkRequests {
  readonly #open = new Map<string, Connection>();
  readonly #waiting = new Map<string, Set<(connection: Connection) => void>>();

  /** Adds the request of a client to be linked to this number. Replaces an older request. */
  add(number: string, connection: Connection): void {
    this.#open.set(number, connection);
    for (const resolve of this.#waiting.get(number) ?? []) resolve(connection);
    this.#waiting.delete(number);
  }

  /** Removes the request of this client, but not a newer request for the same number. */
  remove(number: string, connection: Connection): void {
    if (this.#open.get(number) === connection) this.#open.delete(number);
  }

  /**
   * Resolves with the client that asks to be linked to this number, now or later. Resolves with undefined after `timeoutMs`.
   */
  next(number: string, timeoutMs: number): Promise<Connection | undefined> {
    const open = this.#open.get(number);
    if (open) return Promise.resolve(open);
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(number) ?? new Set();
      this.#waiting.set(number, waiting);
      const settle = (connection: Connection | undefined) => {
        clearTimeout(timer);
        waiting.delete(settle);
        resolve(connection);
      };
      const timer = setTimeout(() => settle(undefined), timeoutMs);
      waiting.add(settle);
    });
  }
}
