/** The part of a WebSocket that the gate guards. */
export interface Outlet {
  send(data: Uint8Array | string, callback?: (error?: Error) => void): void;
  terminate(): void;
}

/**
 * Holds frames back until their causes are durable (output commit). Baileys acknowledges a message as soon as it is decrypted, and
 * sends a ciphertext as soon as it is made. The gate queues these frames, in order, until every change that was recorded before them
 * is in the database. So WhatsApp never learns of something that a crash could undo, and neither Baileys nor the next message
 * waits for a commit.
 *
 * When the gate fails, or the lease has run out, it drops the queued frames and cuts the connection. To WhatsApp this looks like a
 * crash, from which everything recovers.
 */
export class Gate {
  readonly #leaseHeld: () => boolean;
  #outlet: { send: Outlet["send"]; terminate: Outlet["terminate"] } | undefined;
  #recorded = 0;
  /** Numbers of the changes that are not durable yet, oldest first. */
  readonly #open = new Set<number>();
  #held: { after: number; data: Uint8Array | string }[] = [];
  #failed = false;

  constructor(leaseHeld: () => boolean) {
    this.#leaseHeld = leaseHeld;
  }

  /** Replaces `send` of a WebSocket. */
  guard(socket: Outlet): void {
    const send = socket.send.bind(socket);
    this.#outlet = { send, terminate: socket.terminate.bind(socket) };
    socket.send = (data, callback) => {
      this.#pass(data);
      // The caller does not wait for queued frames. Only an acknowledgement shows that WhatsApp has received one.
      callback?.();
    };
  }

  /** Makes all later frames wait for this change. */
  record(durable: Promise<void>): void {
    const number = ++this.#recorded;
    this.#open.add(number);
    durable.then(
      () => {
        this.#open.delete(number);
        this.#release();
      },
      () => this.fail(),
    );
  }

  /** Stops all frames and cuts the connection. */
  fail(): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#held = [];
    this.#outlet?.terminate();
  }

  get failed(): boolean {
    return this.#failed;
  }

  #pass(data: Uint8Array | string): void {
    if (this.#failed) return;
    this.#held.push({ after: this.#recorded, data });
    this.#release();
  }

  #release(): void {
    const [oldest = Number.POSITIVE_INFINITY] = this.#open;
    for (let first = this.#held[0]; first && first.after < oldest; first = this.#held[0]) {
      if (!this.#leaseHeld()) {
        this.fail();
        return;
      }
      this.#held.shift();
      this.#outlet?.send(first.data);
    }
  }
}
