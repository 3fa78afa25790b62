import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { startAws } from "../../local/aws/index.ts";
import { folderOfTest } from "../support/process/temporary-folder.ts";

// The tests use real servers, which are slow on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

async function queue(Attributes: Record<string, string>, client: SQSClient): Promise<string> {
  const QueueName = Attributes.FifoQueue ? "stored.fifo" : "stored";
  return (await client.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl ?? "";
}

const sendTo = (QueueUrl: string, MessageGroupId: string, text: string, client: SQSClient) =>
  client.send(new SendMessageCommand({ QueueUrl, MessageBody: text, MessageGroupId, MessageDeduplicationId: text }));

async function receive(QueueUrl: string, more: { MaxNumberOfMessages?: number }, client: SQSClient) {
  const input = { QueueUrl, MaxNumberOfMessages: 10, ...more };
  return (await client.send(new ReceiveMessageCommand(input))).Messages ?? [];
}

const bodies = (messages: Message[]) => messages.map((message) => message.Body);

describe("the stored state", () => {
  test("survives a restart: messages, order, in-flight messages, deduplication and the queue URL", async () => {
    const dataDir = await folderOfTest();
    let local = await startAws({ dataDir });
    let client = new SQSClient(local.clientConfig);
    const url = await queue({ FifoQueue: "true" }, client);
    for (const body of ["0", "1", "2"]) await sendTo(url, "g", body, client);
    await sendTo(url, "busy", "in flight", client);
    await sendTo(url, "busy", "behind", client);
    const [zero] = await receive(url, { MaxNumberOfMessages: 1 }, client);
    await client.send(
      new ChangeMessageVisibilityCommand({ QueueUrl: url, ReceiptHandle: zero?.ReceiptHandle, VisibilityTimeout: 0 }),
    );
    await receive(url, { MaxNumberOfMessages: 1 }, client);
    await local.stop();

    local = await startAws({ dataDir });
    client = new SQSClient(local.clientConfig);
    expect(local.endpoint).toBe(new URL(url).origin);
    await sendTo(url, "g", "1", client);
    expect(bodies(await receive(url, {}, client))).toEqual(["0", "1", "2"]);
    await local.stop();

    const elsewhere = await startAws({ dataDir, port: 0 });
    const moved = new SQSClient(elsewhere.clientConfig);
    const found = await moved.send(new GetQueueUrlCommand({ QueueName: url.split("/").at(-1) }));
    expect(new URL(found.QueueUrl ?? "").origin).toBe(elsewhere.endpoint);
    await elsewhere.stop();
  });

  test("keeps deduplication ids for five minutes, even across a restart, and then removes the ids", async () => {
    const dataDir = await folderOfTest();
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const start = Date.now();
    let local = await startAws({ dataDir });
    let client = new SQSClient(local.clientConfig);
    const url = await queue({ FifoQueue: "true" }, client);
    const first = await sendTo(url, "g", "same", client);
    vi.setSystemTime(start + 200_000);
    await local.stop();
    local = await startAws({ dataDir });
    client = new SQSClient(local.clientConfig);
    vi.setSystemTime(start + 299_000);
    expect((await sendTo(url, "g", "same", client)).MessageId).toBe(first.MessageId);
    vi.setSystemTime(start + 301_000);
    expect((await sendTo(url, "g", "same", client)).MessageId).not.toBe(first.MessageId);
    vi.setSystemTime(start + 700_000);
    await sendTo(url, "g", "another", client);
    await local.stop();
    const db = new DatabaseSync(join(dataDir, "sqs", "fauxqs.db"), { readOnly: true });
    expect(db.prepare("SELECT key FROM sqs_deduplications").all()).toEqual([{ key: "another" }]);
    db.close();
  });

  test("does not grow with deleted messages", async () => {
    const dataDir = await folderOfTest();
    const local = await startAws({ dataDir });
    const client = new SQSClient(local.clientConfig);
    const url = await queue({}, client);
    const file = join(dataDir, "sqs", "fauxqs.db");
    const round = async () => {
      for (let batch = 0; batch < 10; batch++) {
        const Entries = Array.from({ length: 10 }, (_, i) => ({ Id: `m${i}`, MessageBody: "x".repeat(10_000) }));
        await client.send(new SendMessageBatchCommand({ QueueUrl: url, Entries }));
        const handles = (await receive(url, {}, client)).map((m, i) => ({
          Id: `m${i}`,
          ReceiptHandle: m.ReceiptHandle,
        }));
        await client.send(new DeleteMessageBatchCommand({ QueueUrl: url, Entries: handles }));
      }
    };
    await round();
    const size = () => statSync(file).size + (existsSync(`${file}-wal`) ? statSync(`${file}-wal`).size : 0);
    const after = size();
    for (let i = 0; i < 5; i++) await round();
    await local.stop();
    expect(size()).toBeLessThan(after + 5_000_000);
    const db = new DatabaseSync(file, { readOnly: true });
    expect(db.prepare("SELECT count(*) AS count FROM sqs_messages").get()).toEqual({ count: 0 });
    db.close();
  });
});
