/** The part of a WebSocket that the gate stands in front of. */
export interface Outlet {
  send(data: Uint8Array | string, callback?: (error?: Error) => void): void;
  terminate(): void;
}

/**
 * Lets nothing out before what led to it is durable (output commit). Baileys acknowledges a message as soon as it is decrypted,
 * and sends a ciphertext as soon as it is made; here the frames wait, in their order, until every change that was recorded
 * before them is in the database. So WhatsApp never hears of something that a crash could make us forget, and neither Baileys
 * nor the next message waits for a commit.
 *
 * A gate that fails, or whose lease has run out, drops what it holds and cuts the connection: to WhatsApp it looks like a
 * crash, from which everything recovers.
 */
export class Gate {
  readonly #leaseHeld: () => boolean;
  #outlet: { send: Outlet["send"]; terminate: Outlet["terminate"] } | undefined;
  #recorded = 0;
  /** Numbers of changes that are not durable yet, the oldest first. */
  readonly #open = new Set<number>();
  #held: { after: number; data: Uint8Array | string }[] = [];
  #failed = false;

  constructor(leaseHeld: () => boolean) {
    this.#leaseHeld = leaseHeld;
  }

  /** Puts itself before `send` of a WebSocket. */
  guard(socket: Outlet): void {
    const send = socket.send.bind(socket);
    this.#outlet = { send, terminate: socket.terminate.bind(socket) };
    socket.send = (data, callback) => {
      this.#pass(data);
      // Written or held: either way the caller need not wait. That WhatsApp has it is known from its acknowledgement only.
      callback?.();
    };
  }

  /** Counts a change; the frames from now on wait for it. */
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

  /** Lets nothing more through. */
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
