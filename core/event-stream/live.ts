import { allowsInstance, type Caller, isAdmin } from "../caller.ts";
import type { Vault } from "../crypto/index.ts";
import { AppError } from "../error.ts";
import { Guard, type GuardDeps, type Guarded } from "./guard.ts";
import { EventHub, type HubDeps } from "./hub.ts";
import { type EventSession, openSession, type SessionOptions } from "./session.ts";
import { Slots } from "./slots.ts";

export type { EventFilter } from "./session.ts";

export interface StreamRequest extends Omit<SessionOptions, "sees" | "onEnd"> {
  caller: Caller;
  ip: string | undefined;
  vault: Vault;
  /** Whether this is a stream, which stays open, or a request that waits. */
  lasting: boolean;
}

/** How many requests of a user may wait at the same time in this process. */
const maxWaiting = 100;

/** The streams and waiting requests of this process. They share what they read. */
export class LiveEvents {
  readonly #deps: HubDeps;
  readonly #hub: EventHub;
  readonly #guard: Guard;
  readonly #slots: Slots;
  readonly #open = new Set<EventSession>();
  /** The number of waiting requests by user. */
  readonly #waiting = new Map<string, number>();
  #closed = false;

  /** `maxStreams`: open streams of each user, over all processes. */
  constructor(deps: HubDeps & GuardDeps, maxStreams: number) {
    this.#slots = new Slots(deps, maxStreams);
    this.#deps = deps;
    this.#hub = new EventHub(deps);
    this.#guard = new Guard(deps);
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Opens a stream for a caller with valid credentials. Call `close` when it is no longer read. Throws `rate_limited` if the
   * user has too many streams, and `unavailable` while this process stops. A stream that ends no longer counts, even if it is
   * never read or closed.
   */
  async open(request: StreamRequest): Promise<{ session: EventSession; close(): void }> {
    const { userId } = request.caller;
    const free = request.lasting ? await this.#slots.take(userId) : this.#wait(userId);
    try {
      return await this.#start(request, free);
    } catch (error) {
      free();
      throw error;
    }
  }

  /** Counts a waiting request, and returns a function that ends this. */
  #wait(userId: string): () => void {
    const count = (this.#waiting.get(userId) ?? 0) + 1;
    if (count > maxWaiting) {
      const details = `at most ${maxWaiting} requests of a user can wait for events at the same time`;
      throw new AppError("rate_limited", details, { data: { retryAfter: 1 } });
    }
    this.#waiting.set(userId, count);
    return () => {
      const left = (this.#waiting.get(userId) ?? 1) - 1;
      if (left > 0) this.#waiting.set(userId, left);
      else this.#waiting.delete(userId);
    };
  }

  async #start(
    { caller, ip, vault, ...options }: StreamRequest,
    free: () => void,
  ): Promise<{ session: EventSession; close(): void }> {
    if (this.#closed) throw new AppError("unavailable", "this process stops; connect again");
    const guarded: Guarded = {
      caller,
      ip,
      refuse: (error) => session.end({ reason: "credentials", error }),
    };
    const sees = (instanceId: string, userId: string) =>
      (userId === guarded.caller.userId || isAdmin(guarded.caller)) && allowsInstance(guarded.caller, instanceId);
    const deps = { ...this.#deps, hub: this.#hub, vault };
    let unwatch = () => {};
    const onEnd = () => {
      unwatch();
      free();
    };
    const session = await openSession(deps, { ...options, sees, onEnd });
    this.#open.add(session);
    unwatch = this.#guard.watch(guarded);
    if (this.#closed) session.end({ reason: "shutdown" });
    return {
      session,
      close: () => {
        this.#open.delete(session);
        session.close();
      },
    };
  }

  /** Ends all streams and refuses new ones. */
  close(): void {
    this.#closed = true;
    for (const session of this.#open) session.end({ reason: "shutdown" });
  }
}
