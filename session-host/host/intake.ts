import type { Message } from "@aws-sdk/client-sqs";
import { readCommandEnvelope } from "../../core/command/envelope.ts";
import type { Logger } from "../../core/log.ts";
import { commandQueue, type Queues } from "../../core/queue/index.ts";
import { labelled } from "../../core/work.ts";
import type { ClaimedCommand } from "../command/claimed-command.ts";
import type { Claimer } from "../command/claimer.ts";
import type { Lease } from "../concurrency/lease.ts";
import { pause } from "../concurrency/pause.ts";

export interface IntakeDeps {
  queues: Queues;
  claimer: Claimer;
  lease: Lease;
  log: Logger;
  submit: (command: ClaimedCommand) => void;
  /** Returns how many unfinished commands the shard's sessions hold. */
  held: () => number;
}

/** If the sessions of the shard hold more commands than this, further commands stay on the queue. */
const maxHeld = 10_000;
const receiveSeconds = 20;
/** Pause while the sessions hold too many commands. */
const fullPauseMs = 200;
const queueRetryMs = 1_000;
const databaseRetryMs = 500;

/**
 * Claims the commands of a shard: those on its queue, due scheduled sends, and those that did not arrive through the
 * queue.
 */
export class CommandIntake {
  readonly #deps: IntakeDeps;
  readonly #queue: string;
  #polling: Promise<void> | undefined;
  /** The latest removal of messages from the queue, which may still be in progress. */
  #removing: Promise<unknown> = Promise.resolve();

  constructor(deps: IntakeDeps) {
    this.#deps = deps;
    this.#queue = commandQueue(deps.lease.grant.shard);
  }

  /** Polls the queue until the signal aborts. */
  start(signal: AbortSignal): void {
    this.#polling = this.#poll(signal);
  }

  /** Resolves when polling has ended. Abort the signal first. */
  async stopped(): Promise<void> {
    await this.#polling;
  }

  /** Takes commands that were accepted more than `olderThanMs` ago and did not arrive through the queue. */
  async takeWaiting(olderThanMs: number): Promise<void> {
    for (const command of await this.#deps.claimer.waiting(olderThanMs)) this.#deps.submit(command);
  }

  /** Takes scheduled sends that are due. */
  async takeDue(): Promise<void> {
    for (const command of await this.#deps.claimer.due()) this.#deps.submit(command);
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { queues, log, held } = this.#deps;
    const queue = this.#queue;
    while (!signal.aborted) {
      try {
        if (held() > maxHeld) await pause(fullPauseMs, signal);
        else {
          const messages = await queues.receive(queue, { waitSeconds: receiveSeconds, signal });
          await labelled("poller commands", () => this.#claimReceived(messages, signal));
        }
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
      if (envelope) return [{ id: envelope.id, handle: message.ReceiptHandle ?? "" }];
      log.error({ queue, messageId: message.MessageId }, "a message on the command queue is not a command");
      return [];
    });
    if (readable.length === 0) return;
    const claimed = await this.#claim(
      readable.map((message) => message.id),
      signal,
    );
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
  async #claim(ids: readonly string[], signal: AbortSignal): Promise<ClaimedCommand[]> {
    const { claimer, lease, log } = this.#deps;
    for (;;) {
      try {
        return await claimer.fromQueue(ids);
      } catch (error) {
        if (signal.aborted || !lease.held) throw error;
        log.warn({ err: error, commands: ids.length }, "received commands could not be claimed; trying again");
        await pause(databaseRetryMs, signal);
      }
    }
  }
}
