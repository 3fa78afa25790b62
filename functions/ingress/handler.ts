import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import { type IngressDeps, takeMessage } from "../../core/ingress/take.ts";
import { ingressQueue, type Queues } from "../../core/queue/index.ts";
import { whileHidden } from "../../core/queue/keep-hidden.ts";

/** Time reserved for the message in progress and for returning the response. */
const marginMs = 5_000;

/**
 * Creates a handler for batches of the ingress queue. Rejected messages are not retried. If a message fails for an
 * internal reason, SQS delivers it again with all later messages of its message group, to keep their order
 * (ReportBatchItemFailures).
 */
export function createIngressHandler(open: () => Promise<IngressDeps & { queues: Pick<Queues, "hide"> }>) {
  return async (event: SQSEvent, context: Pick<Context, "getRemainingTimeInMillis">): Promise<SQSBatchResponse> => {
    const deps = await open();
    const groups = Map.groupBy(event.Records, groupOf);
    const left = await whileHidden(deps, ingressQueue, event.Records, async () => {
      const groupsLeft = await Promise.all([...groups.values()].map((records) => takeGroup(deps, records, context)));
      return groupsLeft.flat();
    });
    return { batchItemFailures: left.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

const groupOf = (record: SQSRecord) => record.attributes.MessageGroupId ?? record.messageId;

/** Takes the messages of one message group in order. Returns the records that SQS must deliver again. */
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
      deps.log.error({ err: error, correlationId: messageId }, "can't take a message of the ingress queue");
      return records.slice(index);
    }
  }
  return [];
}
