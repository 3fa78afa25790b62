import { areJidsSameUser, type WASocket } from "@whiskeysockets/baileys";
import type { AppError } from "../../../core/error.ts";
import type { NewEvent } from "../../../core/event/catalog/index.ts";
import type { Logger } from "../../../core/log.ts";
import {
  blockOf,
  current,
  isPerson,
  type Pace,
  type Restrictions,
  type Wait,
  type WaitReason,
} from "../../../core/restriction/index.ts";
import { within } from "../../../core/timeout.ts";
import { knownJids } from "../../baileys/address/jids.ts";
import { isClosed } from "../../baileys/open-queries.ts";
import { capReport, type RestrictionReport, refusalError, timeLockReport } from "../../baileys/restriction.ts";
import type { Change } from "../../ledger/change.ts";
import type { OrderedCommand } from "../claim/claimed-command.ts";
import type { HeldBack } from "./held-back.ts";
import { HeldIndex, type IndexedSend } from "./held-index.ts";
import { LivePace } from "./live-pace.ts";
import { NewContactLimit } from "./new-contacts.ts";
import { endedOf, restricted, unrestricted } from "./restriction-events.ts";

/** How long WhatsApp may take to tell the state of the account. */
const queryMs = 10_000;
/** After an answer that the account is not restricted, WhatsApp is not asked again for this time. */
const unrestrictedMs = 30_000;
/** The first pause after WhatsApp refused a message because there were too many. Doubles with each refusal in a row. */
const firstPauseMs = 60_000;
const longestPauseMs = 3_600_000;
/** How long a send that was canceled may count as waiting. */
const sweepMs = 30_000;
/** How many of the sends that wait in a chat are looked up at once. */
const lookUpSize = 100;

export interface BrakeDeps {
  log: Logger;
  now: () => Date;
  record: (change: Change) => Promise<void>;
  heldBack: Pick<HeldBack, "load" | "stillWaiting" | "release" | "postpone" | "hasWritten" | "isKnown" | "pace">;
  /** Puts a claimed command back, to be claimed again at a time. */
  holdBack: (command: OrderedCommand, wait: Wait) => Promise<void>;
  /** Called when the pace has changed, and what it held may go out. */
  onPace: () => void;
}

type Report = RestrictionReport;
type Connected = { sock: WASocket };

/**
 * Keeps sends of one instance back while WhatsApp restricts the account. A send that is kept back blocks no other chat,
 * and later sends to its chat wait behind it.
 */
export class Brake {
  readonly #deps: BrakeDeps;
  #restrictions: Restrictions = {};
  readonly #held = new HeldIndex();
  #loading: Promise<void> | undefined;
  #isLoaded = false;
  #asking: Promise<void> | undefined;
  #unrestrictedAt = Number.NEGATIVE_INFINITY;
  #strikes = 0;
  #pausedAt: Date | null = null;
  #sweptAt = Number.NEGATIVE_INFINITY;
  readonly #pace: LivePace;
  readonly #contacts: NewContactLimit;
  /** Settles when the last change is durable or has failed. */
  #recorded: Promise<void> = Promise.resolve();

  constructor(deps: BrakeDeps) {
    const { now, record, heldBack } = deps;
    this.#deps = deps;
    this.#pace = new LivePace({ log: deps.log, now, read: () => heldBack.pace(), onChange: () => this.#onPace() });
    this.#contacts = new NewContactLimit({ now, record, isKnown: (jids) => heldBack.isKnown(jids) });
  }

  /** How fast the instance sends, as its user has set it some seconds ago. */
  get pace(): Pace {
    return this.#pace.current;
  }

  /** Reads the pace again, because its user has changed it. */
  applyPace(): Promise<void> {
    return this.#pace.refresh();
  }

  #onPace(): void {
    this.#releaseFor("pace");
    this.#deps.onPace();
  }

  /** Reads what is stored, unless this was done before. */
  load(): Promise<void> {
    this.#loading ??= this.#deps.heldBack
      .load()
      .then(({ restrictions, held, pace, newContacts, pausedAt }) => {
        this.#restrictions = restrictions;
        this.#pace.load(pace);
        this.#contacts.load(newContacts);
        for (const send of held) this.#held.restore(send);
        this.#pausedAt = pausedAt;
        if (!pausedAt) this.#releaseFor("paused");
        this.#isLoaded = true;
      })
      .catch((error: unknown) => {
        this.#loading = undefined;
        throw error;
      });
    return this.#loading;
  }

  /**
   * Returns why a send can't go out now, or undefined. If the database does not respond, nothing is known, and no stanza
   * leaves anyway.
   */
  async before(command: OrderedCommand, context: Connected): Promise<Wait | undefined> {
    try {
      await this.load();
      this.#pace.renew();
      return (await this.#blockOf(command, context)) ?? (await this.#paceBlockOf(command, context));
    } catch (error) {
      this.#deps.log.debug({ err: error }, "can't look up whether a send may go out");
      return undefined;
    }
  }

  async #paceBlockOf(command: OrderedCommand, context: Connected): Promise<Wait | undefined> {
    const pace = this.#pace.current;
    if (pace.newContactsPerDay === null || !isPerson(command.chatId ?? "")) return undefined;
    return await this.#contacts.take(pace, await this.#chatOf(command, context));
  }

  async #blockOf(command: OrderedCommand, context: Connected): Promise<Wait | undefined> {
    this.#held.forget(command.id);
    const now = this.#deps.now();
    if (this.#pausedAt) return { reason: "paused", until: now };
    const isRestricted = blockOf(this.#restrictions, true, now) !== undefined;
    if (!isRestricted && this.#held.size === 0) return undefined;
    const jids = await this.#chatOf(command, context);
    const earlier = await this.#earlier(command.id, jids);
    if (earlier) return { ...earlier, until: new Date(Math.max(earlier.until.getTime(), now.getTime() + 1000)) };
    return isRestricted ? blockOf(this.#restrictions, await this.#isNew(jids, context), now) : undefined;
  }

  /** Keeps all sends back until `resume` is called. Returns since when, and whether they were kept back before. */
  async pause(): Promise<{ since: Date; isNew: boolean }> {
    await this.load();
    const isNew = this.#pausedAt === null;
    this.#pausedAt ??= this.#deps.now();
    return { since: this.#pausedAt, isNew };
  }

  /** Ends a pause. Call this when its end is durable. */
  resume(): void {
    this.#pausedAt = null;
    this.#releaseFor("paused");
  }

  /** Since when sends are paused. */
  async pausedAt(): Promise<Date | null> {
    await this.load();
    return this.#pausedAt;
  }

  #releaseFor(reason: WaitReason): void {
    this.#held.release(this.#held.waitingFor(reason), this.#deps.now());
    void this.#release();
  }

  /** Puts a send back into the database until it can go out. */
  async hold(command: OrderedCommand, wait: Wait, context: Connected): Promise<void> {
    // Before anything is awaited, so that sends that are put back at the same time get different times.
    const send = this.#held.add(command, wait);
    try {
      this.#held.setChat(send, await this.#chatOf(command, context));
      await this.#deps.holdBack(command, send.wait);
    } catch (error) {
      this.#held.remove(send);
      throw error;
    }
    send.isStored = true;
    if (send.isDue) void this.#release();
  }

  /** Returns until when a send that WhatsApp refused waits, or the error that it fails with. */
  async refused(command: OrderedCommand, code: string, context: Connected): Promise<Wait | AppError> {
    await this.load();
    const verdict = await this.#verdictOn(command, code, context);
    // The restriction is visible before the send that waits for it.
    await this.#recorded;
    return verdict;
  }

  async #verdictOn(command: OrderedCommand, code: string, context: Connected): Promise<Wait | AppError> {
    if (code === "429") return this.#limitRate();
    if (code !== "463") return refusalError(code);
    await this.#ask(context);
    const isNew = await this.#isNew(await this.#chatOf(command, context), context);
    return blockOf(this.#restrictions, isNew, this.#deps.now()) ?? refusalError(code);
  }

  /** Call this when WhatsApp acknowledges a send. */
  acknowledged(): void {
    if (!this.#restrictions.rateLimit) this.#strikes = 0;
  }

  /** Records what WhatsApp reports about the account. */
  note(report: Report): void {
    if (!this.#isLoaded) this.#onceLoaded(() => this.note(report));
    else if ("timeLock" in report) this.#noteTimeLock(report.timeLock);
    else this.#noteCap(report.newChatCap);
  }

  /** Lets the sends to a chat go out, because the person has written. A rate limit concerns answers, too. */
  personWrote(jids: readonly string[]): void {
    if (!this.#isLoaded) {
      this.#onceLoaded(() => this.personWrote(jids));
      return;
    }
    const sends = this.#held.inChat(jids).filter(({ wait }) => !["rate_limit", "paused"].includes(wait.reason));
    if (sends.length === 0) return;
    this.#held.release(sends, this.#deps.now());
    void this.#release();
  }

  /** Ends restrictions whose time has come, and forgets sends that no longer wait. Call this every few seconds. */
  tick(): void {
    const lasting = current(this.#restrictions, this.#deps.now());
    const ended = endedOf(this.#restrictions, lasting);
    if (ended.length > 0)
      this.#change(
        lasting,
        ended.map((restriction) => unrestricted(restriction, "time")),
      );
    void this.#release();
    void this.#sweep();
  }

  #onceLoaded(work: () => void): void {
    this.load().then(work, (error: unknown) =>
      this.#deps.log.warn({ err: error }, "the restrictions of the account could not be read"),
    );
  }

  #noteTimeLock({ isActive, until, type }: Extract<Report, { timeLock: unknown }>["timeLock"]): void {
    const now = this.#deps.now();
    const { timeLock: known, ...others } = this.#restrictions;
    if (!isActive || (until && until <= now)) {
      if (!known) return;
      this.#change(others, [unrestricted("time_lock", "whatsapp")]);
      this.#postpone({ reason: "time_lock", until: now });
      return;
    }
    // Without an end, WhatsApp Web assumes a minute (Baileys, Socket/messages-recv.js).
    const end = until ?? new Date(now.getTime() + 60_000);
    if (known && Date.parse(known.until) === end.getTime() && known.type === type) return;
    const timeLock = { type, since: known?.since ?? now.toISOString(), until: end.toISOString() };
    this.#change({ ...others, timeLock }, [restricted("time_lock", end, type)]);
    this.#postpone({ reason: "time_lock", until: end });
  }

  #noteCap({ used, quota, reached, until }: Extract<Report, { newChatCap: unknown }>["newChatCap"]): void {
    const { newChatCap: known, ...others } = this.#restrictions;
    const newChatCap = { used, quota, reached, until: until.toISOString() };
    if (JSON.stringify(known) === JSON.stringify(newChatCap)) return;
    const isNews = reached && !(known?.reached && known.until === newChatCap.until);
    const isOver = !reached && known?.reached;
    const events = isNews
      ? [restricted("new_chat_cap", until)]
      : isOver
        ? [unrestricted("new_chat_cap", "whatsapp")]
        : [];
    this.#change({ ...others, newChatCap }, events);
    if (isNews) this.#postpone({ reason: "new_chat_cap", until });
    if (isOver) this.#postpone({ reason: "new_chat_cap", until: this.#deps.now() });
  }

  #limitRate(): Wait {
    const now = this.#deps.now();
    const known = current(this.#restrictions, now).rateLimit;
    if (known) return { reason: "rate_limit", until: new Date(known.until) };
    const until = new Date(now.getTime() + Math.min(firstPauseMs * 2 ** this.#strikes++, longestPauseMs));
    const rateLimit = { since: now.toISOString(), until: until.toISOString() };
    this.#change({ ...this.#restrictions, rateLimit }, [restricted("rate_limit", until)]);
    return { reason: "rate_limit", until };
  }

  #change(restrictions: Restrictions, events: NewEvent[]): void {
    this.#restrictions = restrictions;
    const isNone = Object.keys(restrictions).length === 0;
    this.#deps.log.warn(
      { restrictions },
      isNone ? "WhatsApp restricts the account no more" : "WhatsApp restricts the account",
    );
    this.#recorded = this.#deps
      .record({ instance: { restrictions: isNone ? null : restrictions }, events })
      .catch((error: unknown) => this.#deps.log.warn({ err: error }, "a restriction could not be stored"));
  }

  /** Changes when the sends that wait for a restriction are tried again. */
  #postpone(wait: Wait): void {
    this.#held.postpone(wait);
    this.#deps.heldBack
      .postpone(wait)
      .catch((error: unknown) => this.#deps.log.warn({ err: error }, "waiting sends could not be moved"));
  }

  async #release(): Promise<void> {
    const due = this.#held.stored().filter((send) => send.isDue);
    if (due.length === 0) return;
    try {
      await this.#deps.heldBack.release(due.map(({ id }) => id));
      for (const send of due) send.isDue = false;
    } catch (error) {
      this.#deps.log.warn({ err: error }, "sends that may go out could not be released; trying again");
    }
  }

  /** Forgets the sends that were canceled or have ended. */
  async #sweep(): Promise<void> {
    const now = this.#deps.now().getTime();
    if (this.#held.size === 0 || now - this.#sweptAt < sweepMs) return;
    this.#sweptAt = now;
    try {
      await this.#stillWaiting(this.#held.stored());
    } catch (error) {
      this.#deps.log.debug({ err: error }, "can't look up which sends still wait");
    }
  }

  /** Asks WhatsApp for the restrictions of the account. A failed query tells nothing. */
  async #ask({ sock }: Connected): Promise<void> {
    const now = this.#deps.now();
    if (blockOf(this.#restrictions, true, now)) return;
    if (now.getTime() - this.#unrestrictedAt < unrestrictedMs) return;
    this.#asking ??= this.#query(sock).finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  async #query(sock: WASocket): Promise<void> {
    const limited = <Result>(query: Promise<Result>) =>
      within(queryMs, query, () => new Error("WhatsApp did not answer in time"));
    const [lock, cap] = await Promise.allSettled([
      limited(sock.fetchAccountReachoutTimelock()),
      limited(sock.fetchNewChatMessageCap()),
    ]);
    // The send that was refused goes out again on the next connection.
    for (const answer of [lock, cap]) if (answer.status === "rejected" && isClosed(answer.reason)) throw answer.reason;
    if (lock.status === "fulfilled") this.note(timeLockReport(lock.value));
    else this.#deps.log.warn({ err: lock.reason }, "the time-lock of the account could not be read");
    const report = cap.status === "fulfilled" ? capReport(cap.value) : undefined;
    if (report) this.note(report);
    const now = this.#deps.now();
    if (lock.status === "fulfilled" && !blockOf(this.#restrictions, true, now)) this.#unrestrictedAt = now.getTime();
  }

  #chatOf(command: OrderedCommand, { sock }: Connected): Promise<string[]> {
    const chat = command.chatId ?? "";
    return isPerson(chat) ? knownJids(sock, chat) : Promise.resolve([chat]);
  }

  /** Whether the chat is with a person who has not written to the account. */
  async #isNew(jids: readonly string[], { sock }: Connected): Promise<boolean> {
    const isOwn = (jid: string) => areJidsSameUser(jid, sock.user?.id) || areJidsSameUser(jid, sock.user?.lid);
    if (!jids.some(isPerson) || jids.some(isOwn)) return false;
    // The token that a person's phone gives out with the person's messages. WhatsApp Web sends it with each answer.
    const tokens = await sock.authState.keys.get("tctoken", [...jids]);
    if (Object.values(tokens).some((stored) => (stored?.token?.length ?? 0) > 0)) return false;
    return !(await this.#deps.heldBack.hasWritten(jids));
  }

  /** Returns the last send to the chat that was accepted before this one and waits, if any. Ids sort by acceptance. */
  async #earlier(id: string, jids: readonly string[]): Promise<Wait | undefined> {
    const earlier = this.#held.inChat(jids).filter((send) => send.id < id);
    for (let from = 0; from < earlier.length; from += lookUpSize) {
      const [last] = await this.#stillWaiting(earlier.slice(from, from + lookUpSize));
      if (last) return last.wait;
    }
    return undefined;
  }

  /**
   * Returns those of these sends that still wait, and forgets the others. They were canceled or have ended, or they were
   * claimed again and are before later sends in the queue.
   */
  async #stillWaiting(sends: readonly IndexedSend[]): Promise<IndexedSend[]> {
    const stored = sends.filter((send) => send.isStored);
    const still = await this.#deps.heldBack.stillWaiting(stored.map(({ id }) => id));
    const gone = new Set(stored.filter(({ id }) => !still.has(id)));
    for (const send of gone) this.#held.remove(send);
    return sends.filter((send) => !gone.has(send));
  }
}
