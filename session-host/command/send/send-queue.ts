import type { MutationName, SendName } from "../../../core/command/catalog/index.ts";
import { fail } from "../../../core/command/end.ts";
import { AppError } from "../../../core/error.ts";
import { derivedMessageId } from "../../../core/id.ts";
import type { Logger } from "../../../core/log.ts";
import { lruCache } from "../../../core/lru.ts";
import { isGroupJid } from "../../../core/message/recipient.ts";
import { isPerson } from "../../../core/restriction/index.ts";
import { isClosed, ping } from "../../baileys/open-queries.ts";
import type { ConnectedContext } from "../../executors/types.ts";
import type { Change } from "../../ledger/change.ts";
import { type Claimed, isSend, type OrderedCommand } from "../claim/claimed-command.ts";
import type { Brake } from "../limit/brake.ts";
import { Pacer } from "../limit/pacer.ts";
import { type LeadIn, leadInOf, Typing } from "../limit/typing.ts";
import { failureOf, runMutation } from "../run.ts";
import { traceOf } from "../trace.ts";
import { Acks } from "./acks.ts";
import { Failures } from "./failures.ts";
import { type Ack, type Flight, Flights } from "./flights.ts";
import { draftOf, isDrafted, outgoingOf } from "./outgoing.ts";
import { isSlow, Preparing } from "./preparing.ts";
import { flightOf, type Outgoing } from "./relay.ts";
import type { SentMessage } from "./retries.ts";
import { metaOf } from "./stanza.ts";
import { Attempts, Tries } from "./tries.ts";
import { Turns } from "./turns.ts";
import { isLate, Waiting } from "./waiting.ts";

/**
 * Maximum number of unacknowledged stanzas. Further stanzas would only wait at WhatsApp, and would be sent again after
 * a lost connection.
 */
const maxInFlight = 64;
/** How many messages that mutations sent are kept, for devices that could not decrypt them. */
const maxRecalled = 200;

export interface SendQueueDeps {
  log: Logger;
  record: (change: Change) => Promise<void>;
  /** Counts an attempt of a command that handles untrusted data. Returns the number of attempts so far. */
  countAttempt: (commandId: string) => Promise<number>;
  /** Whether the command may start. If not, its user was disabled, and the command was given back. */
  mayStart: (command: OrderedCommand) => Promise<boolean>;
  /** Keeps sends back while WhatsApp restricts the account. Without it, a refused send fails. */
  brake?: Brake;
  /** Called when nothing arrives from WhatsApp any more. The connection must be dropped. */
  onSilence: () => void;
  /** Returns the monotonic time in milliseconds. Default: `performance.now`. */
  monotonic?: () => number;
}

/**
 * Runs the sends and mutations of one instance in order. A send is done when WhatsApp acknowledges it. A stanza that is
 * not acknowledged when the connection ends is sent again on the next connection, with the same id and before any newer
 * stanza.
 */
export class SendQueue {
  readonly #deps: SendQueueDeps;
  readonly #waiting = new Waiting(() => void this.#pump());
  readonly #preparing = new Preparing(() => void this.#pump());
  readonly #turns = new Turns(() => void this.#pump());
  readonly #inFlight: Flights;
  readonly #acks: Acks;
  readonly #failures: Failures;
  readonly #pacer: Pacer;
  readonly #typing: Typing;
  #paceTimer: NodeJS.Timeout | undefined;
  #context: ConnectedContext | undefined;
  #pumping = false;
  #finishing = false;
  /** Called when nothing is running and nothing is unacknowledged. */
  #onIdle: () => void = () => undefined;
  #silenceTimer: NodeJS.Timeout | undefined;
  /** What `failAll` leaves behind for the commands that run meanwhile. */
  #ending: { error?: AppError } = {};
  readonly #tries = new Tries();
  readonly #attempts: Attempts;
  readonly #recallable = lruCache<string, SentMessage>(maxRecalled);

  constructor(deps: SendQueueDeps) {
    this.#deps = deps;
    this.#attempts = new Attempts(deps.countAttempt);
    this.#pacer = new Pacer(this.#now);
    this.#typing = new Typing({
      show: async ({ chatId }, state) => {
        const { sock, addressing } = this.#context ?? {};
        await sock?.sendPresenceUpdate(state, await addressing?.jidOf(chatId ?? ""));
      },
      onTyped: (command) => this.putBack(command),
    });
    this.#inFlight = new Flights({
      now: this.#now,
      ping: () => ping(this.#context?.sock),
      onSilence: deps.onSilence,
      repeat: (flight) => this.#repeat(flight),
      giveUp: (flight) => {
        if (flight.accepted) return this.#acks.arrive(flight, "unacknowledged");
        const { command } = flight;
        const details = "WhatsApp did not acknowledge the message, which was sent several times under the same id";
        this.#end(command, fail(command, new AppError("outcome_unknown", details)));
        void this.#pump();
      },
    });
    this.#failures = new Failures({
      log: deps.log,
      brake: deps.brake,
      waiting: this.#waiting,
      tries: this.#tries,
      isEnd: (error, context) => this.#isEnd(error, context),
      end: (command, change) => this.#end(command, change),
    });
    this.#acks = new Acks({
      log: deps.log,
      brake: deps.brake,
      inFlight: this.#inFlight,
      tries: this.#tries,
      now: this.#now,
      context: () => this.#context,
      failures: this.#failures,
      isEnd: (error, context) => this.#isEnd(error, context),
      end: (command, change) => this.#end(command, change),
      pump: () => void this.#pump(),
    });
  }

  get size(): number {
    const begun = [this.#preparing, this.#turns, this.#inFlight, this.#typing];
    return begun.reduce((sum, { size }) => sum + size, this.#waiting.size);
  }

  push(command: OrderedCommand): void {
    this.#waiting.push(command);
    void this.#pump();
  }

  /** Starts sending on a connection that has opened. */
  resume(context: ConnectedContext): void {
    this.#context = context;
    this.#silenceTimer ??= setInterval(() => this.check(), 1000);
    void this.#pump();
  }

  /** Stops sending because the connection ends. Unacknowledged commands return to the queue at their positions. */
  pause(): void {
    this.#context = undefined;
    this.#finishing = false;
    this.#onIdle();
    clearInterval(this.#silenceTimer);
    this.#silenceTimer = undefined;
    clearTimeout(this.#paceTimer);
    this.#waiting.endPauses();
    this.#waiting.putBack(...this.#inFlight.clear(), ...this.#typing.clear());
  }

  /** Goes on, because the pace of the instance has changed. */
  paceChanged(): void {
    clearTimeout(this.#paceTimer);
    void this.#pump();
  }

  /** Looks for overdue acknowledgements. */
  check(): void {
    this.#inFlight.check();
  }

  /**
   * Starts no more commands, and waits up to `timeoutMs` for acknowledgements. The commands in the queue stay claimed.
   */
  async finish(timeoutMs: number): Promise<void> {
    this.#finishing = true;
    this.#waiting.putBack(...this.#preparing.cancelIf(() => true));
    if (!this.#busy) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
  }

  get #busy(): boolean {
    return this.#pumping || this.#preparing.isChanging || this.#turns.size > 0 || this.#inFlight.size > 0;
  }

  /** Returns a command to its position. */
  putBack(command: OrderedCommand): void {
    this.#waiting.putBack(command);
    void this.#pump();
  }

  /**
   * Takes the sends that match out of the queue, and returns them: those that wait, those that are delayed or typed, and
   * those whose files are being prepared. Those that are on their way to WhatsApp stay.
   */
  takeSends(matches: (command: OrderedCommand) => boolean): OrderedCommand[] {
    const begun = [...this.#preparing.cancelIf(matches), ...this.#typing.takeIf(matches)];
    for (const command of begun) this.#waiting.release(command);
    const taken = [...begun, ...this.#waiting.takeIf((command) => isSend(command) && matches(command))];
    if (begun.length > 0) void this.#pump();
    return taken;
  }

  /**
   * Empties the queue and fails all its commands, because the instance will not be connected again. Those that run fail
   * when they return to the queue.
   */
  async failAll(error: AppError): Promise<void> {
    this.pause();
    this.#ending.error = error;
    this.#ending = {};
    this.#waiting.putBack(...this.#preparing.cancelIf(() => true));
    const all = this.#waiting.takeAll();
    await Promise.all(all.map((command) => this.#deps.record(fail(command, error))));
  }

  /**
   * Fails the commands that are past their deadline. Call this regularly, because the connection may be down for days.
   */
  expire(): void {
    for (const command of this.#waiting.takeLate()) this.#failLate(command);
  }

  /** Handles WhatsApp's acknowledgement or refusal of a stanza. */
  acknowledge(waId: string, ack: Ack): void {
    this.#acks.acknowledge(waId, ack);
  }

  /** Returns the message with this id if a mutation sent it in this session. */
  recall(waId: string): SentMessage | undefined {
    return this.#recallable.get(waId);
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#context && !this.#finishing && this.#inFlight.size < maxInFlight) {
        const context = this.#context;
        const command = this.#next();
        if (!command) break;
        this.#waiting.take(command);
        if (!isSend(command) && isSlow(command)) {
          const release = this.#waiting.hold(command);
          this.#preparing.run(command, () => this.#begin(command, context).finally(release));
        } else await this.#turns.run(command, this.#begin(command, context), () => this.#waiting.hold(command));
      }
    } finally {
      this.#pumping = false;
      if (!this.#busy) this.#onIdle();
    }
  }

  /** Returns the next command. If the pace of the instance holds its single sends, the queue goes on by itself later. */
  #next(): OrderedCommand | undefined {
    let delayMs: number | undefined;
    const next = this.#waiting.next((command) => {
      if (isSend(command) && !command.inBulk && this.#deps.brake) {
        delayMs ??= this.#pacer.delay(this.#deps.brake.pace);
        if (delayMs > 0) return "pace";
      }
      const needsRoom = isSlow(command) && !(isSend(command) && isDrafted(command));
      return this.#preparing.isFull && needsRoom ? "room" : undefined;
    });
    if (delayMs) {
      clearTimeout(this.#paceTimer);
      this.#paceTimer = setTimeout(() => void this.#pump(), delayMs);
    }
    return next;
  }

  async #begin(command: OrderedCommand, context: ConnectedContext): Promise<void> {
    const ending = this.#ending;
    await this.#run(command, context);
    if (ending.error && this.#waiting.takeIf((waiting) => waiting === command).length > 0)
      this.#end(command, fail(command, ending.error));
  }

  async #run(command: OrderedCommand, context: ConnectedContext): Promise<void> {
    if (isLate(command)) return this.#failLate(command);
    try {
      if (!(await this.#deps.mayStart(command))) return;
      if (this.#context !== context) return this.#waiting.putBack(command);
      if (isSend(command)) await this.#send(command, context);
      else await this.#mutate(command, context);
    } catch (error) {
      this.#inFlight.remove(command);
      await this.#failures.handle(command, context, error);
    }
  }

  async #mutate(command: Claimed<MutationName>, context: ConnectedContext): Promise<void> {
    const { change, stanza } = await runMutation(command, context, (change) => this.#record(command, change));
    if (!stanza) return this.#end(command, change);
    const { waId, jid, message, attributes: additionalAttributes, audience } = stanza;
    const address = await context.addressing.of(jid, { kind: command.addressedBy, audience });
    const { list, plan } = await context.recipients.of(address);
    if (this.#context !== context) return this.#waiting.putBack(command);
    this.#recallable.set(waId, {
      chatId: jid,
      message,
      attributes: additionalAttributes,
      recipients: list.jids,
      sentAt: new Date(),
    });
    const isStored = change.messages?.some((stored) => stored.wa_id === waId);
    await this.#relay(
      { command, changeOnAck: isStored ? { ...change, recipients: [{ waId, ...list }] } : change },
      context,
      { waId, jid, message, address, list, plan },
      { additionalAttributes, additionalNodes: metaOf(message) },
    );
  }

  async #send(command: Claimed<SendName>, context: ConnectedContext): Promise<void> {
    if (await this.#failures.keepBack(command, context)) return;
    if (isSlow(command) && !isDrafted(command)) return this.#prepare(command, context);
    const leadIn = command.isTyped ? undefined : this.#leadInOf(command);
    if (leadIn) {
      this.#waiting.hold(command);
      return this.#typing.begin(command, leadIn);
    }
    const pace = this.#deps.brake?.pace;
    // Late commands may have gone out since this one had its turn.
    if (pace && !command.inBulk && this.#pacer.delay(pace) > 0) return this.#waiting.putBack(command);
    if (pace) this.#pacer.count(pace);
    const outgoing = await outgoingOf(command, context, {
      record: (change) => void this.#record(command, change),
      countAttempt: (id) => this.#attempts.count(id),
    });
    if (this.#context !== context) return this.#waiting.putBack(command);
    // Since a late send began, its user may have been disabled, the sends paused, or the account restricted.
    if (this.#turns.isLate(command)) {
      if (!(await this.#deps.mayStart(command))) return;
      if (await this.#failures.keepBack(command, context)) return;
    }
    await this.#relay({ command }, context, outgoing, { additionalNodes: metaOf(outgoing.message) });
  }

  /** Prepares a send whose file or page may take long. Until then, it holds only its chat. */
  #prepare(command: Claimed<SendName>, context: ConnectedContext): void {
    const release = this.#waiting.hold(command);
    this.#preparing.prepare(
      command,
      (signal) => draftOf(command, context, (id) => this.#attempts.count(id), signal),
      async (failure) => {
        if (failure) await this.#failures.handle(command, context, failure.error);
        else this.#waiting.putBack(command);
        release();
        void this.#pump();
      },
    );
  }

  #leadInOf(command: Claimed<SendName>): LeadIn | undefined {
    const chat = command.chatId ?? "";
    return leadInOf(command, this.#deps.brake?.pace, isPerson(chat) || isGroupJid(chat));
  }

  async #relay(
    work: Pick<Flight, "command" | "changeOnAck">,
    context: ConnectedContext,
    outgoing: Outgoing,
    options: Parameters<typeof flightOf>[3],
  ): Promise<void> {
    const { log } = this.#deps;
    const deps = { log, now: this.#now, record: (change: Change) => void this.#record(work.command, change) };
    const flight = flightOf(work, context, outgoing, options, deps);
    // Added before the stanza is sent, because its acknowledgement may arrive before `relayMessage` returns.
    this.#inFlight.add(outgoing.waId, flight);
    await flight.send();
  }

  /** Sends an overdue stanza again on the same connection. */
  #repeat(flight: Flight): void {
    const { command } = flight;
    const context = this.#context;
    this.#deps.log.warn(traceOf(command), "WhatsApp did not accept a stanza; sending it again");
    flight.send().catch((error: unknown) => {
      if (!context || this.#isEnd(error, context)) return;
      this.#inFlight.remove(command);
      if (flight.accepted) return this.#acks.arrive(flight, failureOf(error).message);
      void this.#failures.handle(command, context, error).then(() => this.#pump());
    });
  }

  /**
   * Whether an error means that the connection has ended. Baileys fails open queries before it reports the end, so
   * `pause` follows and returns what is in flight.
   */
  #isEnd(error: unknown, context: ConnectedContext): boolean {
    if (isClosed(error) && this.#context === context) this.#context = undefined;
    return this.#context !== context;
  }

  #failLate(command: OrderedCommand): void {
    // A message that a mutation sent may have arrived although WhatsApp did not acknowledge it.
    const error = this.#recallable.has(derivedMessageId(command.id))
      ? new AppError("outcome_unknown", "WhatsApp did not acknowledge the message in time")
      : new AppError("command_expired", "the command waited too long for the instance");
    this.#end(command, fail(command, error));
  }

  /**
   * Records the end of a command. If it can't be recorded, the command stays claimed, and the next holder of the shard
   * runs it again.
   */
  #end(command: OrderedCommand, change: Change): void {
    void this.#record(command, change);
  }

  async #record(command: OrderedCommand, change: Change): Promise<void> {
    try {
      await this.#deps.record(change);
    } catch (error) {
      this.#deps.log.debug({ ...traceOf(command), err: error }, "the end of a command was not recorded");
    }
  }

  readonly #now = (): number => this.#deps.monotonic?.() ?? performance.now();
}
