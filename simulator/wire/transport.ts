import type { WebSocket } from "ws";

type Held = { due: number; run: () => void };

/** Runs callbacks in the order in which they were added, each after its delay. */
class DelayLine {
  #held: Held[] = [];
  #timer: NodeJS.Timeout | undefined;

  get empty(): boolean {
    return this.#held.length === 0;
  }

  add(delayMs: number, run: () => void): void {
    const last = this.#held.at(-1)?.due ?? 0;
    this.#held.push({ due: Math.max(last, performance.now() + delayMs), run });
    this.#arm();
  }

  drop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#held.length = 0;
  }

  #arm(): void {
    const first = this.#held[0];
    if (this.#timer || !first) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        while (this.#held[0] && this.#held[0].due <= performance.now() + 0.5) this.#held.shift()?.run();
        this.#arm();
      },
      Math.max(0, first.due - performance.now()),
    );
  }
}

/** Transfers data between the server and one socket. Simulates latency, silence and cuts. */
export class Transport {
  #socket: WebSocket;
  #receive: (data: Buffer) => void;
  #in = new DelayLine();
  #out = new DelayLine();
  #silent: { in: Buffer[]; out: Buffer[]; timer: NodeJS.Timeout } | undefined;
  #closed = false;
  /** Delay in each direction, in addition to `jitter`. */
  latencyMs = 0;
  readonly #jitter: (() => number) | undefined;

  /** @param jitter returns the delay of the next data, in milliseconds. Default: no delay */
  constructor(socket: WebSocket, receive: (data: Buffer) => void, jitter?: () => number) {
    this.#jitter = jitter;
    this.#socket = socket;
    this.#receive = receive;
    socket.on("message", (data: Buffer) => this.#arrive(data));
    socket.on("close", () => this.#end());
  }

  write(data: Buffer): void {
    if (this.#closed) return;
    if (this.#silent) this.#silent.out.push(data);
    else this.#after(this.#out, () => this.#socket.send(data));
  }

  #arrive(data: Buffer): void {
    if (this.#closed) return;
    if (this.#silent) this.#silent.in.push(data);
    else this.#after(this.#in, () => this.#receive(data));
  }

  /** Runs a callback after the delay, or at once without a delay. */
  #after(line: DelayLine, run: () => void): void {
    const delayMs = this.latencyMs + (this.#jitter?.() ?? 0);
    if (delayMs > 0 || !line.empty) line.add(delayMs, run);
    else run();
  }

  /** Drops the socket without a close frame, as a dead network does. */
  cut(): void {
    this.#end();
    this.#socket.terminate();
  }

  /** Sends all delayed data, then closes the socket with a close frame. */
  close(): void {
    this.#after(this.#out, () => this.#socket.close());
  }

  /**
   * Keeps the socket open, but holds all data back for `ms`. Then cuts the socket, which loses the data, or delivers the data,
   * as TCP does when the network returns. Resolves at the end of the silence.
   */
  silence(ms: number, then: "cut" | "resume"): Promise<void> {
    if (this.#silent) throw new Error("the transport is silent already");
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        const held = this.#silent;
        this.#silent = undefined;
        if (then === "cut") this.cut();
        else {
          for (const data of held?.out ?? []) this.write(data);
          for (const data of held?.in ?? []) this.#arrive(data);
        }
        resolve();
      }, ms);
      this.#silent = { in: [], out: [], timer };
    });
  }

  #end(): void {
    this.#closed = true;
    if (this.#silent) clearTimeout(this.#silent.timer);
    this.#in.drop();
    this.#out.drop();
  }
}
