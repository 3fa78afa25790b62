import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { SQSRecord } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { readConfig } from "../../core/config.ts";
import { sqsFor } from "../../core/queue/service.ts";
import { type LocalAws, startAws } from "../../local/aws/index.ts";
import { type EventSourceOptions, startEventSource } from "../../local/lambda/event-source.ts";
import { temporaryFolder } from "../support/process/temporary-folder.ts";

// The tests use real servers, which are slow on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let aws: LocalAws;
let sqs: SQSClient;
let queues = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
  aws = await startAws({ dataDir: folder.path });
  sqs = new SQSClient(aws.clientConfig);
});

afterAll(async () => {
  sqs.destroy();
  await aws.stop();
  await folder.remove();
});

async function queue(name: string, Attributes: Record<string, string> = {}): Promise<string> {
  const QueueName = name.replace(/^/, `${++queues}-`);
  return (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl ?? "";
}

const arnOf = async (QueueUrl: string) =>
  (await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }))).Attributes?.QueueArn;

/** Sends messages given as "group:body", or as "body" on a standard queue. */
async function send(QueueUrl: string, ...messages: string[]): Promise<void> {
  for (let at = 0; at < messages.length; at += 10) {
    const Entries = messages.slice(at, at + 10).map((text, i) => {
      const [group = "", body] = text.split(":");
      if (body === undefined) return { Id: `m${i}`, MessageBody: text };
      return { Id: `m${i}`, MessageBody: body, MessageGroupId: group, MessageDeduplicationId: text };
    });
    await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
  }
}

async function isEmpty(QueueUrl: string): Promise<boolean> {
  const AttributeNames = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }),
  );
  return AttributeNames.every((name) => Attributes?.[name] === "0");
}
const emptied = (url: string) => vi.waitFor(async () => expect(await isEmpty(url)).toBe(true), { timeout: 8000 });

type SourceOptions = Pick<EventSourceOptions, "queueUrl" | "handler"> & Partial<EventSourceOptions>;

/** Returns a function that starts an event source. With `DIRECT_CALLS`, it calls SQS in this process, otherwise over HTTP. */
const sourceWith = (DIRECT_CALLS: string) => async (options: SourceOptions) => {
  const errors: unknown[] = [];
  const client = new SQSClient(aws.clientConfig);
  const started = await startEventSource({
    sqs: sqsFor(readConfig({ SQS_ENDPOINT: aws.endpoint, DIRECT_CALLS }), client),
    batchSize: 10,
    concurrency: 1,
    retryDelay: () => 0,
    onError: (error) => errors.push(error),
    ...options,
  });
  onTestFinished(async () => {
    await started.stop();
    client.destroy();
  });
  return { ...started, errors };
};

const fail = (records: (SQSRecord | undefined)[]) => ({
  batchItemFailures: records.map((record) => ({ itemIdentifier: record?.messageId ?? "" })),
});

describe.each([
  ["that calls SQS in its process", "true"],
  ["that calls SQS over HTTP", "false"],
])("an event source %s", (_, directCalls) => {
  const source = sourceWith(directCalls);

  test("passes complete SQS records to the handler and deletes the handled messages", async () => {
    const queueUrl = await queue("records.fifo", { FifoQueue: "true" });
    await sqs.send(
      new SendMessageBatchCommand({
        QueueUrl: queueUrl,
        Entries: [
          {
            Id: "one",
            MessageBody: "body",
            MessageGroupId: "g",
            MessageDeduplicationId: "d",
            MessageAttributes: {
              text: { DataType: "String", StringValue: "v" },
              bytes: { DataType: "Binary", BinaryValue: new Uint8Array([1, 255]) },
            },
          },
        ],
      }),
    );
    const seen: SQSRecord[] = [];
    await source({
      queueUrl,
      functionName: "webhook",
      handler: async (event, context) => {
        seen.push(...event.Records);
        expect(context.functionName).toBe("webhook");
      },
    });
    await emptied(queueUrl);
    expect(seen).toEqual([
      {
        messageId: expect.stringMatching(/.+/),
        receiptHandle: expect.stringMatching(/.+/),
        body: "body",
        attributes: expect.objectContaining({
          ApproximateReceiveCount: "1",
          MessageGroupId: "g",
          MessageDeduplicationId: "d",
          SequenceNumber: expect.stringMatching(/^\d{20}$/),
          SentTimestamp: expect.stringMatching(/^\d{13}$/),
        }),
        messageAttributes: {
          text: expect.objectContaining({ dataType: "String", stringValue: "v" }),
          bytes: expect.objectContaining({ dataType: "Binary", binaryValue: Buffer.from([1, 255]).toString("base64") }),
        },
        md5OfBody: expect.stringMatching(/^[0-9a-f]{32}$/),
        md5OfMessageAttributes: expect.stringMatching(/^[0-9a-f]{32}$/),
        eventSource: "aws:sqs",
        eventSourceARN: await arnOf(queueUrl),
        awsRegion: "us-east-1",
      },
    ]);
  });

  test("redelivers only the records that the handler reports as failed", async () => {
    const queueUrl = await queue("partial");
    await send(queueUrl, "a", "b", "c");
    const counts: Record<string, number> = {};
    await source({
      queueUrl,
      handler: async ({ Records }) => {
        for (const { body } of Records) counts[body] = (counts[body] ?? 0) + 1;
        return fail(Records.filter(({ body }) => body === "b" && counts.b === 1));
      },
    });
    await emptied(queueUrl);
    expect(counts).toEqual({ a: 1, b: 2, c: 1 });
  });

  test.each([
    ["throws", () => Promise.reject(new Error("broken"))],
    ["names an unknown item", async () => ({ batchItemFailures: [{ itemIdentifier: "unknown" }] })],
    ["names an item without an id", async () => ({ batchItemFailures: [{ itemIdentifier: "" }] })],
  ])("redelivers the whole batch when the handler %s", async (_how, broken) => {
    const queueUrl = await queue("whole");
    await send(queueUrl, "a", "b");
    const batches: string[][] = [];
    const { errors } = await source({
      queueUrl,
      handler: async ({ Records }) => {
        batches.push(Records.map(({ body }) => body).sort());
        return batches.length === 1 ? broken() : undefined;
      },
    });
    await emptied(queueUrl);
    expect(batches).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
    expect(errors).toHaveLength(1);
  });

  test("redelivers the failed and later messages of a group in order, and other groups once", async () => {
    const queueUrl = await queue("order.fifo", { FifoQueue: "true" });
    await send(queueUrl, "a:a1", "a:a2", "a:a3", "b:b1");
    const batches: string[][] = [];
    await source({
      queueUrl,
      handler: async ({ Records }) => {
        batches.push(Records.map(({ body }) => body));
        if (batches.length === 1) return fail([Records.find(({ body }) => body === "a2")]);
      },
    });
    await emptied(queueUrl);
    expect(batches).toEqual([
      ["a1", "a2", "a3", "b1"],
      ["a2", "a3"],
    ]);
  });

  test("handles one message group at a time in order, and different groups concurrently", async () => {
    const queueUrl = await queue("many.fifo", { FifoQueue: "true" });
    const groups = ["a", "b", "c", "d"];
    await send(queueUrl, ...Array.from({ length: 80 }, (_, i) => `${groups[i % 4]}:${i}`));
    const order: Record<string, number[]> = { a: [], b: [], c: [], d: [] };
    const active = new Set<string>();
    let most = 0;
    await source({
      queueUrl,
      batchSize: 3,
      concurrency: 4,
      handler: async ({ Records }) => {
        const inBatch = new Set(Records.map((record) => record.attributes.MessageGroupId ?? ""));
        for (const group of inBatch) {
          expect(active.has(group)).toBe(false);
          active.add(group);
        }
        most = Math.max(most, active.size);
        await new Promise((resolve) => setTimeout(resolve, 5));
        for (const record of Records) order[record.attributes.MessageGroupId ?? ""]?.push(Number(record.body));
        for (const group of inBatch) active.delete(group);
      },
    });
    await emptied(queueUrl);
    for (const [at, group] of groups.entries()) {
      expect(order[group]).toEqual(Array.from({ length: 20 }, (_, i) => i * 4 + at));
    }
    expect(most).toBeGreaterThan(1);
  });

  test("continues with other groups while more invocations than it has pollers are waiting", async () => {
    const queueUrl = await queue("patient.fifo", { FifoQueue: "true" });
    let release = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const started: string[] = [];
    const stuck = Array.from({ length: 5 }, (_, i) => `g${i}:stuck${i}`);
    await send(queueUrl, ...stuck);
    const { stop, errors } = await source({
      queueUrl,
      batchSize: 1,
      concurrency: 2,
      invocations: 7,
      patienceMs: 20,
      handler: async ({ Records: [record] }) => {
        started.push(record?.body ?? "");
        if (record?.body.startsWith("stuck")) await gate;
      },
    });
    await vi.waitFor(() => expect(started).toHaveLength(5));
    await send(queueUrl, "g0:same group", "other:1");
    await vi.waitFor(() => expect(started).toContain("1"));
    expect(started).not.toContain("same group");
    release();
    await emptied(queueUrl);
    await stop();
    expect(started).toHaveLength(7);
    expect(errors).toEqual([]);
  });

  test("starts no more invocations than it may", async () => {
    const queueUrl = await queue("bounded.fifo", { FifoQueue: "true" });
    let release = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    let active = 0;
    await send(queueUrl, ...Array.from({ length: 8 }, (_, i) => `g${i}:${i}`));
    await source({
      queueUrl,
      batchSize: 1,
      concurrency: 1,
      invocations: 4,
      patienceMs: 5,
      handler: async () => {
        active++;
        await gate;
        active--;
      },
    });
    await vi.waitFor(() => expect(active).toBe(4));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(active).toBe(4);
    release();
    await emptied(queueUrl);
  });

  test("sends a poison message to the dead-letter queue and continues its group", async () => {
    const dead = await queue("dead.fifo", { FifoQueue: "true" });
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: await arnOf(dead), maxReceiveCount: 2 });
    const queueUrl = await queue("poison.fifo", { FifoQueue: "true", RedrivePolicy });
    await send(queueUrl, "g:poison", "g:next");
    const handled: string[] = [];
    await source({
      queueUrl,
      batchSize: 1,
      handler: async ({ Records }) => {
        if (Records[0]?.body === "poison") return fail(Records);
        handled.push(...Records.map(({ body }) => body));
      },
    });
    await emptied(queueUrl);
    expect(handled).toEqual(["next"]);
    const letters = await sqs.send(new ReceiveMessageCommand({ QueueUrl: dead }));
    expect(letters.Messages?.map(({ Body }) => Body)).toEqual(["poison"]);
  });

  test("continues a group soon after a handler that overran its time has ended, and not before", async () => {
    const queueUrl = await queue("slow.fifo", { FifoQueue: "true" });
    await send(queueUrl, "slow:s1", "quick:q1");
    let release = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const started: string[] = [];
    const { errors } = await source({
      queueUrl,
      batchSize: 1,
      concurrency: 2,
      timeoutMs: 100,
      visibilityTimeout: 30,
      handler: async ({ Records }) => {
        started.push(...Records.map(({ body }) => body));
        if (started.filter((body) => body === "s1").length === 1 && Records[0]?.body === "s1") await gate;
      },
    });
    await vi.waitFor(() => expect(errors).toHaveLength(1));
    expect(String(errors[0])).toContain("timed out");
    await send(queueUrl, "quick:q2");
    await vi.waitFor(() => expect(started.toSorted()).toEqual(["q1", "q2", "s1"]));
    release();
    await emptied(queueUrl);
    expect(started.toSorted()).toEqual(["q1", "q2", "s1", "s1"]);
  });

  test("finishes and deletes running work when stopped, and leaves the rest in the queue", async () => {
    const queueUrl = await queue("stop.fifo", { FifoQueue: "true" });
    await send(queueUrl, "g:1", "g:2");
    let entered = () => {};
    const inside = new Promise<void>((resolve) => (entered = resolve));
    let release = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const handled: string[] = [];
    const { stop } = await source({
      queueUrl,
      batchSize: 1,
      handler: async ({ Records }) => {
        entered();
        await gate;
        handled.push(...Records.map(({ body }) => body));
      },
    });
    await inside;
    const stopped = stop();
    release();
    await stopped;
    expect(handled).toEqual(["1"]);
    const left = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl }));
    expect(left.Messages?.map(({ Body }) => Body)).toEqual(["2"]);
  });

  test("stops within a second while it waits for messages", async () => {
    const { stop, errors } = await source({ queueUrl: await queue("idle"), concurrency: 12, handler: async () => {} });
    const startedAt = Date.now();
    await stop();
    expect(Date.now() - startedAt).toBeLessThan(1000);
    expect(errors).toEqual([]);
  });

  test("rejects a queue whose visibility timeout is shorter than the handler's timeout", async () => {
    const queueUrl = await queue("short", { VisibilityTimeout: "5" });
    await expect(source({ queueUrl, timeoutMs: 6000, handler: async () => {} })).rejects.toThrow(
      /5 seconds is less than/,
    );
  });
});
