import type { QueueFilter } from "../../core/command/waiting-queue.ts";
import type { Brake } from "../command/limit/brake.ts";
import type { SendQueue } from "../command/send/send-queue.ts";
import type { Change } from "../ledger/change.ts";

export interface SendControlDeps {
  brake: Brake;
  queue: SendQueue;
  now: () => Date;
  record: (change: Change) => Promise<void>;
  /** Cancels the waiting sends of the instance that match, and those that were taken out of the queue. */
  cancel: (filter: QueueFilter, claimed: readonly string[]) => Promise<number>;
  /** Returns the JIDs of a chat: a person can have a number and a LID. */
  sameChats: (chat: string) => Promise<(string | null)[]>;
}

/** A time after all requests. */
const latest = "9999-12-31T00:00:00Z";

/** What a user can do with the waiting sends of one instance. */
export class SendControl {
  readonly #deps: SendControlDeps;

  constructor(deps: SendControlDeps) {
    this.#deps = deps;
  }

  /** Keeps all sends back. Those that are on their way to WhatsApp go out. */
  async pause(correlationId: string): Promise<Date> {
    const { since, isNew } = await this.#deps.brake.pause();
    if (isNew) {
      await this.#deps.record({
        instance: { sends_paused_at: since },
        events: [{ type: "instance.paused", data: { since: since.toISOString() } }],
        correlationId,
      });
    }
    return since;
  }

  /** Ends a pause. The sends that waited go out in the order in which they were accepted. */
  async resume(correlationId: string): Promise<void> {
    const { brake, record, now } = this.#deps;
    const pausedAt = await brake.pausedAt();
    if (!pausedAt) return;
    await record({
      instance: { sends_paused_at: null, sends_resumed_at: now() },
      events: [{ type: "instance.resumed", data: { pausedAt: pausedAt.toISOString() } }],
      correlationId,
    });
    brake.resume();
  }

  /**
   * Cancels the waiting sends that match and were accepted before this was requested, because it may run much later.
   * Returns their number.
   */
  async clear(requested: QueueFilter, requestedAt: Date): Promise<number> {
    const { queue, cancel } = this.#deps;
    const { bulk, chat } = requested;
    // The database stores both times in milliseconds.
    const end = Math.min(requestedAt.getTime() + 1, Date.parse(requested.acceptedBefore ?? latest));
    const filter = { ...requested, acceptedBefore: new Date(end).toISOString() };
    const chats = chat === undefined ? undefined : await this.#deps.sameChats(chat);
    const taken = queue.takeSends(
      ({ inBulk = false, chatId, acceptedAt }) =>
        (bulk === undefined || inBulk === bulk) &&
        (!chats || chats.includes(chatId ?? null)) &&
        acceptedAt.getTime() < end,
    );
    try {
      return await cancel(
        filter,
        taken.map(({ id }) => id),
      );
    } catch (error) {
      for (const command of taken) queue.putBack(command);
      throw error;
    }
  }
}
