import type { Message } from "@aws-sdk/client-sqs";
import { readCommandEnvelope } from "../../core/command/envelope.ts";
import type { Logger } from "../../core/log.ts";
import { commandQueue, type Queues } from "../../core/queue/index.ts";
import { labelled } from "../../core/work.ts";
import { claimLimit } from "../command/claim/claim.ts";
import type { ClaimedCommand } from "../command/claim/claimed-command.ts";
import type { Claimer } from "../command/claim/claimer.ts";
import type { Lease } from "../concurrency/lease.ts";
import { pause } from "../concurrency/pause.ts";

export interface IntakeDeps {
  queues: Queues;
  claimer: Claimer;
  lease: Lease;
  log: Logger;
  submit: (command: ClaimedCommand) => void;
  /** Returns how many unfinished commands the session of each instance of the shard holds, or is about to get. */
  held: () => ReadonlyMap<string, number>;
}

/** A session that holds this many commands gets no more. They wait in the database. */
const maxHeldByOne = 2_000;
/** If all sessions of the shard together hold more commands than this, a session gets only up to `fairHeld`. */
const maxHeld = 10_000;
const fairHeld = 100;
const receiveSeconds = 20;
/** How often to look whether sessions have room for the commands that wait in the database. */
const roomMs = 200;
const queueRetryMs = 1_000;
const databaseRetryMs = 500;

/**
 * Claims the commands of a shard: those on its queue, due scheduled sends, and those that did not arrive through the
 * queue. A session that holds too many commands doesn't delay other sessions: its further commands are removed from the
 * queue and wait in the database until the session has room.
 */
export class CommandIntake {
  readonly #deps: IntakeDeps;
  readonly #queue: string;
  #polling: Promise<unknown> | undefined;
  /**
   * Instances with commands that wait in the database, and how many messages were left there. Commands that the queue
   * delivers for these instances are not claimed, because older ones come first.
   */
  readonly #behind = new Map<string, number>();
  /** The latest removal of messages from the queue, which may still be in progress. */
  #removing: Promise<unknown> = Promise.resolve();

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
    this.#queue = commandQueue(deps.lease.grant.shard);
  }

  /** Polls the queue until the signal aborts. */
  start(signal: AbortSignal): void {
    this.#polling = Promise.all([this.#poll(signal), this.#catchUp(signal)]);
  }

  /** Resolves when polling has ended. Abort the signal first. */
  async stopped(): Promise<void> {
    await this.#polling;
  }

  /** Takes commands that were accepted more than `olderThanMs` ago and did not arrive through the queue. */
  async takeWaiting(olderThanMs: number): Promise<void> {
    const claimed = await this.#deps.claimer.waiting(olderThanMs, this.#withoutRoom());
    for (const command of claimed) this.#deps.submit(command);
  }

  /** Takes the commands that were queued when this host got the shard. Call this before `start`. */
  async takeQueued(): Promise<void> {
    const claimed = await this.#deps.claimer.waiting(0);
    for (const command of claimed) this.#deps.submit(command);
    if (claimed.length < claimLimit) return;
    for (const instanceId of await this.#deps.claimer.withQueued()) this.#leave(instanceId);
  }

  /** Takes scheduled sends that are due. */
  async takeDue(): Promise<void> {
    for (const command of await this.#deps.claimer.due(this.#withoutRoom())) this.#deps.submit(command);
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { queues, log } = this.#deps;
    const queue = this.#queue;
    while (!signal.aborted) {
      try {
        const messages = await queues.receive(queue, { waitSeconds: receiveSeconds, signal });
        await labelled("poller commands", () => this.#claimReceived(messages, signal));
      } catch (error) {
        if (signal.aborted) break;
        log.warn({ err: error, queue }, "the command queue is not available");
        await pause(queueRetryMs, signal);
      }
    }
    await this.#removing;
  }

  /**
   * Claims the commands of received messages, then removes the messages. An unreadable message becomes a dead letter
   * after five receives.
   */
  async #claimReceived(messages: readonly Message[], signal: AbortSignal): Promise<void> {
    const { queues, log, submit } = this.#deps;
    const queue = this.#queue;
    const readable = messages.flatMap((message) => {
      const envelope = readCommandEnvelope(message.Body);
      if (envelope) return [{ ...envelope, handle: message.ReceiptHandle ?? "" }];
      log.error({ queue, messageId: message.MessageId }, "a message on the command queue is not a command");
      return [];
    });
    if (readable.length === 0) return;
    const instances = new Set(readable.map((message) => message.instanceId));
    const full = this.#leaveFull(instances);
    const ids = readable.map((message) => message.id);
    const claimed = await this.#claim({ ids, full, instances }, signal);
    for (const command of claimed) submit(command);
    // The next batch waits only for the previous removal, not for this one.
    const previous = this.#removing;
    const handles = readable.map((message) => message.handle);
    this.#removing = queues.remove(queue, handles).catch((error: unknown) => {
      log.warn(
        { err: error, queue },
        "claimed commands could not be removed from the queue and will be received again",
      );
    });
    await previous;
  }

  /**
   * Retries while the database is down. Without these retries, the queue would deliver the messages again until they
   * become dead letters.
   */
  async #claim(
    { ids, full, instances }: { ids: readonly string[]; full: readonly string[]; instances: ReadonlySet<string> },
    signal: AbortSignal,
  ): Promise<ClaimedCommand[]> {
    const { claimer, lease, log } = this.#deps;
    for (;;) {
      try {
        return await claimer.fromQueue(ids, full, instances);
      } catch (error) {
        if (signal.aborted || !lease.held) throw error;
        log.warn({ err: error, commands: ids.length }, "received commands could not be claimed; trying again");
        await pause(databaseRetryMs, signal);
      }
    }
  }

  /** Leaves the commands of sessions without room in the database. Returns the instances of these sessions. */
  #leaveFull(instanceIds: ReadonlySet<string>): string[] {
    const room = this.#room();
    const full = [...instanceIds].filter((id) => this.#behind.has(id) || room(id) <= 0);
    for (const id of full) this.#leave(id);
    return full;
  }

  #leave(instanceId: string): void {
    this.#behind.set(instanceId, (this.#behind.get(instanceId) ?? 0) + 1);
  }

  #withoutRoom(): string[] {
    const room = this.#room();
    const full = [...this.#deps.held().keys()].filter((id) => room(id) <= 0);
    return [...new Set([...full, ...this.#behind.keys()])];
  }

  /** Whether a session that holds `held` commands gets another one before those that wait in the database or on the queue. */
  hasRoom(instanceId: string, held: number): boolean {
    if (this.#behind.has(instanceId)) return false;
    return held < fairHeld || held < this.#limit();
  }

  /** Returns a function that tells how many more commands the session of an instance may hold. */
  #room(): (instanceId: string) => number {
    const held = this.#deps.held();
    const limit = this.#limit(held);
    return (instanceId) => limit - (held.get(instanceId) ?? 0);
  }

  /** Returns how many commands a session may hold. */
  #limit(held = this.#deps.held()): number {
    const all = held.values().reduce((sum, count) => sum + count, 0);
    return all > maxHeld ? fairHeld : maxHeldByOne;
  }

  async #catchUp(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await labelled("poller waiting commands", () => this.#takeBehind());
        await pause(roomMs, signal);
      } catch (error) {
        if (signal.aborted || !this.#deps.lease.held) return;
        this.#deps.log.warn({ err: error }, "commands that wait in the database could not be claimed; trying again");
        await pause(databaseRetryMs, signal);
      }
    }
  }

  /** Takes commands that wait in the database, as far as their sessions have room. */
  async #takeBehind(): Promise<void> {
    const { claimer, submit } = this.#deps;
    for (const [instanceId, left] of [...this.#behind]) {
      const room = Math.min(this.#room()(instanceId), claimLimit);
      if (room <= 0) continue;
      const claimed = await claimer.oldest(instanceId, room);
      for (const command of claimed) submit(command);
      // A message that was left meanwhile may belong to a command that this claim did not see.
      if (claimed.length < room && this.#behind.get(instanceId) === left) this.#behind.delete(instanceId);
    }
  }
}
