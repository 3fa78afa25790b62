import { setTimeout as sleep } from "node:timers/promises";
import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  type Message,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  SendMessageBatchCommand,
  SendMessageCommand,
  type SendMessageCommandInput,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type LocalAws, startAws } from "../../local/aws/index.ts";
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

async function queue(attributes: Record<string, string> = {}, client = sqs): Promise<string> {
  const name = `queue-${++queues}${attributes.FifoQueue ? ".fifo" : ""}`;
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  if (!QueueUrl) throw new Error("CreateQueue returned no URL");
  return QueueUrl;
}
const fifo = (attributes: Record<string, string> = {}) => queue({ FifoQueue: "true", ...attributes });

const send = (QueueUrl: string, MessageBody: string, more: Partial<SendMessageCommandInput> = {}, client = sqs) =>
  client.send(new SendMessageCommand({ QueueUrl, MessageBody, ...more }));
const sendTo = (url: string, group: string, body: string, client = sqs) =>
  send(url, body, { MessageGroupId: group, MessageDeduplicationId: body }, client);

async function receive(QueueUrl: string, more: Partial<ReceiveMessageCommandInput> = {}, client = sqs) {
  const input = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0, ...more };
  return (await client.send(new ReceiveMessageCommand(input))).Messages ?? [];
}
const one = (url: string, more: Partial<ReceiveMessageCommandInput> = {}) =>
  receive(url, { MaxNumberOfMessages: 1, ...more });

const drop = (QueueUrl: string, message: Message | undefined) =>
  sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle }));
const hide = (QueueUrl: string, message: Message | undefined, VisibilityTimeout: number) =>
  sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle, VisibilityTimeout }));
const bodies = (messages: Message[]) => messages.map((message) => message.Body);

async function attributes(QueueUrl: string) {
  const all = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
  return all.Attributes ?? {};
}

async function withDeadLetters(kind: typeof queue, maxReceiveCount: number) {
  const dead = await kind();
  const deadLetterTargetArn = (await attributes(dead)).QueueArn;
  const url = await kind({
    VisibilityTimeout: "0",
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }),
  });
  return { url, dead };
}

describe.concurrent("a queue", () => {
  test("is found by its name, and a missing queue causes QueueDoesNotExist", async () => {
    const url = await queue();
    const name = url.split("/").at(-1);
    expect((await sqs.send(new GetQueueUrlCommand({ QueueName: name }))).QueueUrl).toBe(url);
    expect(url.startsWith(aws.endpoint)).toBe(true);
    expect((await sqs.send(new ListQueuesCommand({ QueueNamePrefix: name }))).QueueUrls).toEqual([url]);
    await expect(sqs.send(new GetQueueUrlCommand({ QueueName: "nowhere" }))).rejects.toThrow(
      expect.objectContaining({ name: "QueueDoesNotExist" }),
    );
  });

  test("returns bodies with emoji and message attributes of every type unchanged", async () => {
    const url = await queue();
    await send(url, "ok ✓ 👍🏽 𝄞", {
      MessageAttributes: {
        text: { DataType: "String", StringValue: "välue" },
        number: { DataType: "Number", StringValue: "3" },
        bytes: { DataType: "Binary", BinaryValue: new Uint8Array([1, 2, 255]) },
      },
    });
    const [message] = await receive(url, { MessageAttributeNames: ["All"] });
    expect(message?.Body).toBe("ok ✓ 👍🏽 𝄞");
    expect(message?.MessageAttributes?.text?.StringValue).toBe("välue");
    expect(message?.MessageAttributes?.number?.StringValue).toBe("3");
    expect(message?.MessageAttributes?.bytes?.BinaryValue).toEqual(new Uint8Array([1, 2, 255]));
  });

  test("accepts a message of 1 MiB and rejects a larger message", async () => {
    const url = await queue();
    await send(url, "z".repeat(1024 * 1024));
    expect((await receive(url))[0]?.Body?.length).toBe(1024 * 1024);
    await expect(send(url, "z".repeat(1024 * 1024 + 1))).rejects.toThrow(/shorter/);
  });

  test("hides a received message for its visibility timeout, then redelivers it with a count", async () => {
    const url = await queue({ VisibilityTimeout: "1" });
    await send(url, "x");
    expect(await receive(url)).toHaveLength(1);
    expect(await receive(url)).toHaveLength(0);
    const [again] = await receive(url, { WaitTimeSeconds: 5, MessageSystemAttributeNames: ["All"] });
    expect(again?.Attributes?.ApproximateReceiveCount).toBe("2");
    expect(Number(again?.Attributes?.SentTimestamp)).toBeGreaterThan(1e12);
  });

  test("redelivers a message at once when its visibility timeout is set to 0, and later when the timeout is extended", async () => {
    const url = await queue({ VisibilityTimeout: "1" });
    await send(url, "x");
    await hide(url, (await receive(url))[0], 0);
    const [message] = await receive(url);
    expect(message?.Body).toBe("x");
    await hide(url, message, 30);
    await sleep(1200);
    expect(await receive(url)).toHaveLength(0);
  });

  test("changes visibility in batches and names the entries that failed", async () => {
    const url = await queue();
    await send(url, "x");
    const [message] = await receive(url);
    const Entries = [
      { Id: "good", ReceiptHandle: message?.ReceiptHandle, VisibilityTimeout: 0 },
      { Id: "bad", ReceiptHandle: "bogus", VisibilityTimeout: 0 },
    ];
    const result = await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: url, Entries }));
    expect(result.Successful?.map((entry) => entry.Id)).toEqual(["good"]);
    expect(result.Failed?.map((entry) => entry.Id)).toEqual(["bad"]);
    expect(await receive(url)).toHaveLength(1);
  });

  test("delays a message by its own delay or by the queue's", async () => {
    const [own, common] = await Promise.all([queue(), queue({ DelaySeconds: "1" })]);
    await Promise.all([send(own, "x", { DelaySeconds: 1 }), send(common, "x")]);
    expect(await receive(own)).toHaveLength(0);
    expect(await receive(common)).toHaveLength(0);
    expect(await receive(own, { WaitTimeSeconds: 5 })).toHaveLength(1);
    expect(await receive(common, { WaitTimeSeconds: 5 })).toHaveLength(1);
  });

  test("ends a long poll when a message arrives, otherwise after the full wait", async () => {
    const [busy, idle] = await Promise.all([queue(), queue()]);
    const started = Date.now();
    const waiting = receive(busy, { WaitTimeSeconds: 20 });
    const nothing = receive(idle, { WaitTimeSeconds: 1 });
    await sleep(100);
    await send(busy, "x");
    expect(bodies(await waiting)).toEqual(["x"]);
    expect(Date.now() - started).toBeLessThan(900);
    expect(await nothing).toEqual([]);
    expect(Date.now() - started).toBeGreaterThanOrEqual(990);
  });

  test("keeps the other long polls waiting when one of them gets the message", async () => {
    const url = await queue();
    const polls = [1, 2, 3].map(() => receive(url, { WaitTimeSeconds: 2 }).then((got) => ({ got, at: Date.now() })));
    await sleep(100);
    const sent = Date.now();
    await send(url, "x");
    const answers = (await Promise.all(polls)).sort((a, b) => a.at - b.at);
    expect(answers.map(({ got }) => got.length)).toEqual([1, 0, 0]);
    expect(answers[1] && answers[1].at - sent).toBeGreaterThan(1500);
  });

  test("gives no message to a long poll whose caller disconnected", async () => {
    const url = await queue();
    const abort = new AbortController();
    const input = { QueueUrl: url, WaitTimeSeconds: 20 };
    const gone = sqs.send(new ReceiveMessageCommand(input), { abortSignal: abort.signal });
    await sleep(200);
    abort.abort();
    await expect(gone).rejects.toThrow();
    await sleep(50);
    await send(url, "x");
    expect(bodies(await receive(url))).toEqual(["x"]);
  });

  test("accepts batches of at most ten messages", async () => {
    const url = await queue();
    const entries = (count: number) => Array.from({ length: count }, (_, i) => ({ Id: `m${i}`, MessageBody: `${i}` }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: entries(10) }));
    const messages = await receive(url);
    expect(messages).toHaveLength(10);
    const Entries = messages.map((message, i) => ({ Id: `m${i}`, ReceiptHandle: message.ReceiptHandle }));
    expect((await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries }))).Successful).toHaveLength(10);
    await expect(sqs.send(new SendMessageBatchCommand({ QueueUrl: url, Entries: entries(11) }))).rejects.toThrow(
      expect.objectContaining({ name: "TooManyEntriesInBatchRequest" }),
    );
  });

  test("counts visible, in-flight and delayed messages, and removes all when purged", async () => {
    const url = await queue();
    await Promise.all([send(url, "1"), send(url, "2"), send(url, "3"), send(url, "later", { DelaySeconds: 30 })]);
    await one(url);
    expect(await attributes(url)).toMatchObject({
      ApproximateNumberOfMessages: "2",
      ApproximateNumberOfMessagesNotVisible: "1",
      ApproximateNumberOfMessagesDelayed: "1",
    });
    await sqs.send(new PurgeQueueCommand({ QueueUrl: url }));
    expect(await receive(url)).toEqual([]);
  });

  test("moves a message that was received too often to its dead-letter queue with all attributes", async () => {
    const { url, dead } = await withDeadLetters(queue, 2);
    await send(url, "poison", { MessageAttributes: { k: { DataType: "String", StringValue: "v" } } });
    for (let i = 0; i < 3; i++) await receive(url);
    const [letter] = await receive(dead, { MessageAttributeNames: ["All"] });
    expect(letter?.Body).toBe("poison");
    expect(letter?.MessageAttributes?.k?.StringValue).toBe("v");
  });

  test("requires a valid signature", async () => {
    const url = await queue();
    const wrong = { ...aws.credentials, secretAccessKey: "wrong" };
    const stranger = new SQSClient({ ...aws.clientConfig, credentials: wrong });
    await expect(receive(url, {}, stranger)).rejects.toThrow(
      expect.objectContaining({ name: "SignatureDoesNotMatch" }),
    );
    const headers = { "content-type": "application/x-amz-json-1.0", "x-amz-target": "AmazonSQS.ListQueues" };
    const bare = await fetch(aws.endpoint, { method: "POST", headers, body: "{}" });
    expect(bare.status).toBe(403);
    const bodiless = await fetch(aws.endpoint, { method: "POST", headers });
    expect(bodiless.status).toBe(403);
    for (const path of ["/health", "/_fauxqs/queues"]) expect((await fetch(aws.endpoint + path)).status).toBe(403);
  });
});

describe.concurrent("a FIFO queue", () => {
  test("delivers several messages of a group in one receive, in order", async () => {
    const url = await fifo();
    for (const body of ["0", "1", "2", "3"]) await sendTo(url, "g", body);
    expect(bodies(await receive(url))).toEqual(["0", "1", "2", "3"]);
  });

  test("blocks a group while one of its messages is in flight, but not other groups", async () => {
    const url = await fifo();
    for (const body of ["a1", "a2", "a3"]) await sendTo(url, "a", body);
    await sendTo(url, "b", "b1");
    const [first, second] = await receive(url, { MaxNumberOfMessages: 2 });
    expect(bodies(await receive(url))).toEqual(["b1"]);
    await drop(url, first);
    expect(await receive(url)).toEqual([]);
    await drop(url, second);
    expect(bodies(await receive(url))).toEqual(["a3"]);
  });

  test("keeps the order of a group when several messages are returned in any order", async () => {
    const url = await fifo();
    for (const body of ["0", "1", "2", "3"]) await sendTo(url, "g", body);
    const [zero, one, two, three] = await receive(url);
    await drop(url, zero);
    for (const message of [two, one, three]) await hide(url, message, 0);
    expect(bodies(await receive(url))).toEqual(["1", "2", "3"]);
  });

  test("keeps the order of a group when several messages time out", async () => {
    const url = await fifo({ VisibilityTimeout: "1" });
    for (const body of ["0", "1", "2"]) await sendTo(url, "g", body);
    await receive(url);
    expect(bodies(await receive(url, { WaitTimeSeconds: 5 }))).toEqual(["0", "1", "2"]);
  });

  test("delivers other groups' messages while one group has a long backlog", async () => {
    const url = await fifo();
    for (const body of ["a1", "a2", "a3"]) await sendTo(url, "a", body);
    await sendTo(url, "b", "b1");
    const [a1] = await one(url);
    await drop(url, a1);
    expect(bodies(await one(url))).toEqual(["b1"]);
  });

  test("accepts a deduplication id once, even after its message was deleted", async () => {
    const url = await fifo();
    const id = { MessageGroupId: "g", MessageDeduplicationId: "same" };
    const first = await send(url, "x", id);
    const second = await send(url, "y", id);
    expect(second.MessageId).toBe(first.MessageId);
    expect(second.SequenceNumber).toBe(first.SequenceNumber);
    const [message] = await receive(url);
    await drop(url, message);
    await send(url, "x", id);
    expect(await receive(url)).toEqual([]);
  });

  test("deduplicates per group or by content if configured to", async () => {
    const perGroup = await fifo({ DeduplicationScope: "messageGroup", FifoThroughputLimit: "perMessageGroupId" });
    await sendTo(perGroup, "a", "same");
    await sendTo(perGroup, "b", "same");
    await sendTo(perGroup, "a", "same");
    expect(await receive(perGroup)).toHaveLength(2);
    const byContent = await fifo({ ContentBasedDeduplication: "true" });
    await send(byContent, "x", { MessageGroupId: "g" });
    await send(byContent, "x", { MessageGroupId: "g" });
    expect(await receive(byContent)).toHaveLength(1);
  });

  test("rejects a message without a group", async () => {
    await expect(send(await fifo(), "x", { MessageDeduplicationId: "1" })).rejects.toThrow(/MessageGroupId/);
  });

  test("continues a group after its poison message moved to the dead-letter queue", async () => {
    const { url, dead } = await withDeadLetters(fifo, 2);
    await sendTo(url, "g", "poison");
    await sendTo(url, "g", "next");
    const seen: (string | undefined)[] = [];
    for (let i = 0; i < 3; i++) seen.push(...bodies(await one(url)));
    expect(seen).toEqual(["poison", "poison", "next"]);
    expect(bodies(await receive(dead))).toEqual(["poison"]);
  });

  test("returns the group, the deduplication id and a growing sequence number of each message", async () => {
    const url = await fifo();
    await sendTo(url, "g", "0");
    await sendTo(url, "g", "1");
    const [first, second] = await receive(url, { MessageSystemAttributeNames: ["All"] });
    expect(first?.Attributes).toMatchObject({ MessageGroupId: "g", MessageDeduplicationId: "0" });
    expect(Number(second?.Attributes?.SequenceNumber)).toBeGreaterThan(Number(first?.Attributes?.SequenceNumber));
  });
});
