import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSMessageAttribute, SQSRecord } from "aws-lambda";

/** The record that Lambda makes of a received message. Binary attributes are in base64. */
export function recordOf(message: Message, eventSourceARN: string, awsRegion: string): SQSRecord {
  const { ApproximateReceiveCount = "1", SentTimestamp = "", SenderId = "", ...others } = message.Attributes ?? {};
  const { ApproximateFirstReceiveTimestamp = "", ...more } = others;
  return {
    messageId: message.MessageId ?? "",
    receiptHandle: message.ReceiptHandle ?? "",
    body: message.Body ?? "",
    attributes: { ApproximateReceiveCount, SentTimestamp, SenderId, ApproximateFirstReceiveTimestamp, ...more },
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, value]) => [name, attributeOf(value)]),
    ),
    md5OfBody: message.MD5OfBody ?? "",
    ...(message.MD5OfMessageAttributes && { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    eventSource: "aws:sqs",
    eventSourceARN,
    awsRegion,
  };
}

function attributeOf(value: MessageAttributeValue): SQSMessageAttribute {
  return {
    dataType: value.DataType ?? "String",
    ...(value.StringValue !== undefined && { stringValue: value.StringValue }),
    ...(value.BinaryValue !== undefined && { binaryValue: Buffer.from(value.BinaryValue).toString("base64") }),
    stringListValues: [],
    binaryListValues: [],
  };
}

/** The FIFO group of a record; undefined on a standard queue. */
export const groupOf = (record: SQSRecord): string | undefined => record.attributes.MessageGroupId;

/**
 * Which records of a batch have to come again, by what the handler answered. In a FIFO group that is the first failed
 * one and all after it: to deliver a later one only once would put it before the failed one.
 * Throws, so that the whole batch fails, when the answer names an item that was not in the batch.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export function failedOf(records: SQSRecord[], answer: unknown): SQSRecord[] {
  const failures = (answer as Partial<SQSBatchResponse> | null | undefined)?.batchItemFailures ?? [];
  const known = new Set(records.map((record) => record.messageId));
  const failed = new Set<string>();
  for (const failure of failures) {
    const id = failure?.itemIdentifier;
    if (!known.has(id)) throw new Error(`The handler reports a failed item that was not in its batch: ${id}`);
    failed.add(id);
  }
  const stuckGroups = new Set<string>();
  return records.filter((record) => {
    const group = groupOf(record);
    const fails = failed.has(record.messageId) || (group !== undefined && stuckGroups.has(group));
    if (fails && group !== undefined) stuckGroups.add(group);
    return fails;
  });
}
