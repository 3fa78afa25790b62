import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { eventQueue, type Queues } from "../../core/queue/index.ts";
import { whileHidden } from "../../core/queue/keep-hidden.ts";
import { type DeliverDeps, deliverEvents } from "../../core/webhook/delivery/deliver.ts";

/** Time reserved for recording results, releasing failed messages and returning the response. */
const marginMs = 3_000;
/** A batch that lasts longer than this, in milliseconds, removes the records of finished instances from the queue. */
const patienceMs = 500;

export type WebhookHandlerDeps = DeliverDeps & { queues: Pick<Queues, "hide" | "remove"> };

/**
 * Creates a handler for batches of the event queue. The response lists the records that SQS must deliver again
 * (ReportBatchItemFailures).
 */
export function createWebhookHandler(open: () => Promise<WebhookHandlerDeps>) {
  return async (event: SQSEvent, context: Pick<Context, "getRemainingTimeInMillis">): Promise<SQSBatchResponse> => {
    const records = event.Records.map(({ messageId, body, attributes }) => ({
      id: messageId,
      body,
      again: Number(attributes.ApproximateReceiveCount) > 1,
    }));
    const budgetMs = context.getRemainingTimeInMillis() - marginMs;
    const deps = await open();
    const failed = await whileHidden(deps, eventQueue, event.Records, async () => {
      const early = new EarlyRemoval(deps, event);
      const ids = await deliverEvents(deps, records, { budgetMs, onDone: (done) => early.add(done) });
      await early.end();
      return event.Records.filter(({ messageId }) => ids.has(messageId));
    });
    return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

/**
 * Removes finished records from the queue while a slow endpoint delays the batch. Otherwise, the next events of other
 * instances, and of other endpoints of the same instance, would wait, because SQS delivers one batch of an instance at a
 * time. Lambda later removes the same records again, which has no effect.
 */
class EarlyRemoval {
  readonly #deps: WebhookHandlerDeps;
  readonly #receipts: Map<string, string>;
  readonly #timer: NodeJS.Timeout;
  #done: string[] = [];
  #late = false;
  #removing: Promise<void> = Promise.resolve();

  constructor(deps: WebhookHandlerDeps, event: SQSEvent) {
    this.#deps = deps;
    this.#receipts = new Map(event.Records.map(({ messageId, receiptHandle }) => [messageId, receiptHandle]));
    this.#timer = setTimeout(() => {
      this.#late = true;
      this.#remove();
    }, patienceMs);
  }

  add(recordIds: readonly string[]): void {
    this.#done.push(...recordIds);
    if (this.#late) this.#remove();
  }

  async end(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#removing;
  }

  #remove(): void {
    const receipts = this.#done.splice(0).flatMap((id) => this.#receipts.get(id) ?? []);
    if (receipts.length === 0) return;
    this.#removing = this.#removing
      .then(() => this.#deps.queues.remove(eventQueue, receipts))
      .catch((error: unknown) => {
        this.#deps.log.warn({ err: error }, "can't remove the records of finished instances from the event queue");
      });
  }
}
