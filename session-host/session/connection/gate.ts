import { isInCommand } from "../../concurrency/instance-context.ts";

/** The part of a WebSocket that the gate guards. */
export interface Outlet {
  send(data: Uint8Array | string, callback?: (error?: Error) => void): void;
  terminate(): void;
}

/**
 * Holds outgoing frames back until the changes that caused them are durable (output commit). Baileys acknowledges a
 * message as soon as it is decrypted, and sends a ciphertext as soon as it is made. The gate queues these frames, in
 * order, until every change that was recorded before them is in the database. WhatsApp therefore never sees an effect
 * of a change that a crash could undo, and neither Baileys nor the next message waits for a commit.
 *
 * When the gate fails, or the lease has expired, it drops the queued frames and cuts the connection. To WhatsApp, this
 * looks like a crash, from which both sides recover.
 */
export class Gate {
  readonly #leaseHeld: () => boolean;
  readonly #onHeld: () => void;
  /** The original functions of the guarded WebSocket. */
  #outlet: Outlet | undefined;
  /** Number of changes so far. */
  #recorded = 0;
  /** Numbers of the changes that are not durable yet, oldest first. */
  readonly #pending = new Set<number>();
  /** Frames that are held back. `after` is the number of the last change before the frame. */
  #held: { after: number; data: Uint8Array | string }[] = [];
  #failed = false;

  /** `onHeld` is called when a frame of a command is held back. Nobody waits for other frames, such as acknowledgements. */
  constructor(leaseHeld: () => boolean, onHeld: () => void = () => undefined) {
    this.#leaseHeld = leaseHeld;
    this.#onHeld = onHeld;
  }

  /** Replaces the `send` function of a WebSocket. */
  guard(socket: Outlet): void {
    const send = socket.send.bind(socket);
    this.#outlet = { send, terminate: socket.terminate.bind(socket) };
    socket.send = (data, callback) => {
      this.#enqueue(data);
      // Reports success at once, because only an acknowledgement shows that WhatsApp has received a frame.
      callback?.();
    };
  }

  /** Holds all later frames back until `durable` resolves. Fails if it rejects. */
  holdUntil(durable: Promise<void>): void {
    const number = ++this.#recorded;
    this.#pending.add(number);
    durable.then(
      () => {
        this.#pending.delete(number);
        this.#release();
      },
      () => this.fail(),
    );
  }

  /** Drops all frames and cuts the connection. */
  fail(): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#held = [];
    this.#outlet?.terminate();
  }

  get failed(): boolean {
    return this.#failed;
  }

  #enqueue(data: Uint8Array | string): void {
    if (this.#failed) return;
    this.#held.push({ after: this.#recorded, data });
    this.#release();
    if (this.#held.length > 0 && isInCommand()) this.#onHeld();
  }

  #release(): void {
    const [oldest = Number.POSITIVE_INFINITY] = this.#pending;
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
