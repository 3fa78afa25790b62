import type { Context, SQSBatchResponse, SQSEvent } from "aws-lambda";
import { type DeliverDeps, deliverEvents } from "../../core/webhook/delivery/deliver.ts";

/** Time reserved for recording results and returning the response. */
const marginMs = 3_000;

/**
 * Creates a handler for batches of the event queue. The response lists the records that SQS must deliver again
 * (ReportBatchItemFailures).
 */
export function createWebhookHandler(open: () => Promise<DeliverDeps>) {
  return async (event: SQSEvent, context: Pick<Context, "getRemainingTimeInMillis">): Promise<SQSBatchResponse> => {
    const records = event.Records.map(({ messageId, body }) => ({ id: messageId, body }));
    const budgetMs = context.getRemainingTimeInMillis() - marginMs;
    const failed = await deliverEvents(await open(), records, { budgetMs });
    return { batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })) };
  };
}
