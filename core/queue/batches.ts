import { queueBytes } from "../bound.ts";

/**
 * SQS accepts ten messages and 1 MiB (1,048,576 bytes) per call. The difference between 1 MiB and `maxBatchBytes` is a
 * margin for the attributes that SQS counts in addition to the bodies.
 */
export const maxBatchMessages = 10;
export const maxBatchBytes = 1_000_000;

/**
 * Splits items into batches of one call each, in order. `bodyOf` returns null for an item without a message, which stays in
 * its place in the batch but does not count.
 */
export function* batches<Item>(items: Iterable<Item>, bodyOf: (item: Item) => string | null): Generator<Item[]> {
  let batch: Item[] = [];
  let messages = 0;
  let bytes = 0;
  for (const item of items) {
    const body = bodyOf(item);
    const size = body === null ? 0 : queueBytes(body);
    const full = messages >= maxBatchMessages || bytes + size > maxBatchBytes;
    if (body !== null && messages > 0 && full) {
      yield batch;
      batch = [];
      messages = 0;
      bytes = 0;
    }
    batch.push(item);
    messages += body === null ? 0 : 1;
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
