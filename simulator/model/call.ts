import { randomBytes } from "node:crypto";
import { type BinaryNode, node } from "../wire/node.ts";
import type { Account } from "./account.ts";
import type { Endpoint } from "./device.ts";
import type { Group } from "./group.ts";
import type { World } from "./world.ts";

/** `missed`: it rang too long, or the caller hung up. */
export type CallState = "ringing" | "accepted" | "rejected" | "missed";

/** WhatsApp lets a phone ring for less than a minute. */
const RING_MS = 45_000;

export type CallOptions = { video?: boolean | undefined; ringMs?: number | undefined };

/** A call of one phone to another account, or to all of a group. It lives no longer than the server. */
export class Call {
  readonly id = randomBytes(16).toString("hex").toUpperCase();
  readonly caller: Account;
  readonly video: boolean;
  readonly group: Group | undefined;
  /** How it stands with each who is called. */
  readonly states = new Map<Account, CallState>();
  /** What answered for them: 0 is the phone. */
  readonly answeredBy = new Map<Account, number>();
  readonly #world: World;
  readonly #timer: NodeJS.Timeout;

  constructor(
    world: World,
    caller: Account,
    called: { accounts: Iterable<Account>; group?: Group },
    options: CallOptions,
  ) {
    this.#world = world;
    this.caller = caller;
    this.group = called.group;
    this.video = options.video ?? false;
    for (const account of called.accounts) if (account !== caller) this.states.set(account, "ringing");
    world.calls.set(this.id, this);
    const media = this.video ? [node("audio", { enc: "opus" }), node("video", { enc: "vp8" })] : [node("audio")];
    for (const account of this.states.keys())
      if (!account.blocked.has(caller.lid)) this.#tell(account, "offer", {}, media);
    this.#timer = setTimeout(() => this.timeOut(), options.ringMs ?? RING_MS).unref();
  }

  get ringing(): boolean {
    return [...this.states.values()].includes("ringing");
  }

  /** The caller gives up. */
  hangUp(): void {
    this.#end(undefined);
  }

  /** Nobody has answered for too long. */
  timeOut(): void {
    this.#end("timeout");
  }

  /** One device of who is called takes the call or refuses it; the account's others are told. Answers whether it still rang. */
  answer(by: Endpoint, state: "accepted" | "rejected"): boolean {
    if (this.states.get(by.account) !== "ringing") return false;
    this.states.set(by.account, state);
    this.answeredBy.set(by.account, by.id);
    this.#tell(by.account, "terminate", { reason: `${state}_elsewhere` }, undefined, by);
    if (!this.ringing) clearTimeout(this.#timer);
    return true;
  }

  #end(reason: string | undefined): void {
    clearTimeout(this.#timer);
    for (const [account, state] of this.states) {
      if (state !== "ringing") continue;
      this.states.set(account, "missed");
      if (!account.blocked.has(this.caller.lid)) this.#tell(account, "terminate", { reason });
    }
  }

  #tell(
    account: Account,
    tag: string,
    attrs: Record<string, string | undefined>,
    content?: BinaryNode[],
    but?: Endpoint,
  ): void {
    const { caller, group } = this;
    const of = { "call-id": this.id, "call-creator": caller.lidJid };
    const offered = tag === "offer" && { caller_pn: caller.pnJid, type: group && "group", "group-jid": group?.jid };
    const envelope = { from: caller.lidJid, id: this.#world.nextId(), t: this.#world.seconds, notify: caller.pushName };
    for (const endpoint of account.endpoints())
      if (endpoint !== but)
        endpoint.deliver(node("call", envelope, [node(tag, { ...of, ...offered, ...attrs }, content)]));
  }
}
