import { randomBytes } from "node:crypto";
import type { Account, Endpoint } from "./account.ts";
import type { Group } from "./group.ts";

/** `missed`: nobody answered in time, or the caller hung up. */
export type CallState = "ringing" | "accepted" | "rejected" | "missed";

/** Time until a call times out. On WhatsApp a call rings for less than a minute. */
const RING_MS = 45_000;

export type CallOptions = { video?: boolean | undefined; ringMs?: number | undefined };
export type Called = { accounts: Iterable<Account>; group?: Group };

/** A step of a call. The server notifies the devices of the called account of each step. */
export type CallStep =
  | { kind: "offer"; account: Account }
  | { kind: "terminate"; account: Account; reason: string | undefined; except?: Endpoint };

/**
 * A call from a phone to another account or to all members of a group. A call does not survive a restart of the
 * simulator.
 */
export class Call {
  readonly id = randomBytes(16).toString("hex").toUpperCase();
  readonly caller: Account;
  readonly video: boolean;
  readonly group: Group | undefined;
  readonly states = new Map<Account, CallState>();
  /** Id of the device that answered for an account; 0 is the phone. */
  readonly answeredBy = new Map<Account, number>();
  readonly #announce: (call: Call, step: CallStep) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param announce sends the stanza of a step to the devices of the called account */
  constructor(caller: Account, called: Called, video: boolean, announce: (call: Call, step: CallStep) => void) {
    this.caller = caller;
    this.group = called.group;
    this.video = video;
    this.#announce = announce;
    for (const account of called.accounts) if (account !== caller) this.states.set(account, "ringing");
  }

  get ringing(): boolean {
    return [...this.states.values()].includes("ringing");
  }

  /** Rings on the devices of all called accounts that have not blocked the caller. */
  ring(ringMs = RING_MS): void {
    for (const account of this.states.keys())
      if (!this.#isBlockedBy(account)) this.#announce(this, { kind: "offer", account });
    this.#timer = setTimeout(() => this.timeOut(), ringMs).unref();
  }

  /** Ends the call on behalf of the caller. */
  hangUp(): void {
    this.#end(undefined);
  }

  /** Ends the call because nobody answered. */
  timeOut(): void {
    this.#end("timeout");
  }

  /** Accepts or rejects the call on one device. Returns false if the call no longer rings for its account. */
  answer(by: Endpoint, state: "accepted" | "rejected"): boolean {
    const { account } = by;
    if (this.states.get(account) !== "ringing") return false;
    this.states.set(account, state);
    this.answeredBy.set(account, by.id);
    this.#announce(this, { kind: "terminate", account, reason: `${state}_elsewhere`, except: by });
    if (!this.ringing) clearTimeout(this.#timer);
    return true;
  }

  #end(reason: string | undefined): void {
    clearTimeout(this.#timer);
    for (const [account, state] of this.states) {
      if (state !== "ringing") continue;
      this.states.set(account, "missed");
      if (!this.#isBlockedBy(account)) this.#announce(this, { kind: "terminate", account, reason });
    }
  }

  #isBlockedBy(account: Account): boolean {
    return account.blocked.has(this.caller.lid);
  }
}
