import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { type IngressDeps, takeMessage } from "../../core/ingress/take.ts";

/** Kept for the message that is being taken, and to answer. */
const marginMs = 5_000;

/**
 * Takes a batch of the ingress queue. What was rejected is done with. What failed for reasons of ours must come again, and all
 * later ones of its group with it, so that none overtakes another (ReportBatchItemFailures).
 */
export function createIngressHandler(open: () => Promise<IngressDeps>) {
  return async (event: SQSEvent, context: Pick<Context, "getRemainingTimeInMillis">): Promise<SQSBatchResponse> => {
    const deps = await open();
    const groups = Map.groupBy(event.Records, groupOf);
    const left = await Promise.all([...groups.values()].map((records) => takeGroup(deps, records, context)));
    return { batchItemFailures: left.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

const groupOf = (record: SQSRecord) => record.attributes.MessageGroupId ?? record.messageId;

/** Answers what must come again. */
async function takeGroup(
  deps: IngressDeps,
  records: readonly SQSRecord[],
  context: Pick<Context, "getRemainingTimeInMillis">,
): Promise<readonly SQSRecord[]> {
  for (const [index, { messageId, body, attributes, messageAttributes }] of records.entries()) {
    if (context.getRemainingTimeInMillis() < marginMs) return records.slice(index);
    try {
      const { MessageGroupId: groupId, SenderId: senderId } = attributes;
      const replyTo = messageAttributes.replyTo?.stringValue;
      await takeMessage(deps, { messageId, body, groupId, senderId, replyTo });
    } catch (error) {
      deps.log.error({ err: error, correlationId: messageId }, "a message of the ingress queue could not be taken");
      return records.slice(index);
    }
  }
  return [];
}
