import { allowsInstance, type Caller, isAdmin } from "../caller.ts";
import type { Vault } from "../crypto/index.ts";
import { AppError } from "../error.ts";
import { Guard, type GuardDeps, type Guarded } from "./guard.ts";
import { EventHub, type HubDeps } from "./hub.ts";
import { type EventSession, openSession, type SessionOptions } from "./session.ts";

export type { EventFilter } from "./session.ts";

export interface StreamRequest extends Omit<SessionOptions, "sees"> {
  caller: Caller;
  ip: string | undefined;
  vault: Vault;
}

/** The streams and waiting requests of this process. They share what they read. */
export class LiveEvents {
  readonly #deps: HubDeps;
  readonly #hub: EventHub;
  readonly #guard: Guard;
  readonly #open = new Set<EventSession>();
  #closed = false;

  constructor(deps: HubDeps & GuardDeps) {
    this.#deps = deps;
    this.#hub = new EventHub(deps);
    this.#guard = new Guard(deps);
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Opens a stream for a caller with valid credentials. Call `close` when it is no longer read. Throws `unavailable` while
   * this process stops.
   */
  async open({ caller, ip, vault, ...options }: StreamRequest): Promise<{ session: EventSession; close(): void }> {
    if (this.#closed) throw new AppError("unavailable", "this process stops; connect again");
    const guarded: Guarded = {
      caller,
      ip,
      refuse: (error) => session.end({ reason: "credentials", error }),
    };
    const sees = (instanceId: string, userId: string) =>
      (userId === guarded.caller.userId || isAdmin(guarded.caller)) && allowsInstance(guarded.caller, instanceId);
    const deps = { ...this.#deps, hub: this.#hub, vault };
    const session = await openSession(deps, { ...options, sees });
    this.#open.add(session);
    const unwatch = this.#guard.watch(guarded);
    if (this.#closed) session.end({ reason: "shutdown" });
    return {
      session,
      close: () => {
        unwatch();
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
