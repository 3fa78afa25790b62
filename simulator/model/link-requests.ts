import type { Connection } from "../server/connection.ts";

/** Clients that show a linking code, and phones that wait for one: by phone number. */
export class LinkRequests {
  readonly #open = new Map<string, Connection>();
  readonly #waiting = new Map<string, Set<(connection: Connection) => void>>();

  /** A client asks to be linked to this number; a newer request replaces an older one. */
  add(number: string, connection: Connection): void {
    this.#open.set(number, connection);
    for (const resolve of this.#waiting.get(number) ?? []) resolve(connection);
    this.#waiting.delete(number);
  }

  /** The socket is gone or linked. */
  remove(number: string, connection: Connection): void {
    if (this.#open.get(number) === connection) this.#open.delete(number);
  }

  /** The client that asks for this number, now or within the time; undefined when none does. */
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
