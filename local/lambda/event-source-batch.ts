import type { Message, MessageAttributeValue } from "@aws-sdk/client-sqs";
import type { SQSBatchResponse, SQSMessageAttribute, SQSRecord } from "aws-lambda";
import { defined } from "../../core/object.ts";

/** Converts a received message to a record for Lambda. Binary attributes become base64. */
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
    ...defined({ md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    eventSource: "aws:sqs",
    eventSourceARN,
    awsRegion,
  };
}

function attributeOf(value: MessageAttributeValue): SQSMessageAttribute {
  return {
    dataType: value.DataType ?? "String",
    ...defined({
      stringValue: value.StringValue,
      binaryValue: value.BinaryValue && Buffer.from(value.BinaryValue).toString("base64"),
    }),
    stringListValues: [],
    binaryListValues: [],
  };
}

/** Returns the FIFO message group of a record; undefined for a standard queue. */
export const groupOf = (record: SQSRecord): string | undefined => record.attributes.MessageGroupId;

/**
 * Returns the records to deliver again, from the result of the handler. In a FIFO group, these are the first failed record and
 * all later ones, to keep their order. Throws if the result names a record outside the batch. The whole batch then fails.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export function failedRecords(records: SQSRecord[], result: unknown): SQSRecord[] {
  const failures = (result as Partial<SQSBatchResponse> | null | undefined)?.batchItemFailures ?? [];
  const batchIds = new Set(records.map((record) => record.messageId));
  const failed = new Set<string>();
  for (const failure of failures) {
    const id = failure?.itemIdentifier;
    if (!batchIds.has(id)) throw new Error(`The handler reported a failed item that was not in its batch: ${id}`);
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
