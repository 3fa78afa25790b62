import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { GetQueueAttributesCommand, ReceiveMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { readConfig } from "../../core/config.ts";
import {
  commandQueue,
  createQueues,
  deadLetterQueue,
  openQueues,
  type QueueMessage,
  type Queues,
} from "../../core/queue/index.ts";
import { maxReceives } from "../../core/queue/name.ts";
import { type LocalAws, startAws } from "../../local/aws/index.ts";
import { temporaryFolder } from "../support/process/temporary-folder.ts";

// The tests use a real server, which is slow on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let aws: LocalAws;
let http: Queues;
let direct: Queues;
let client: SQSClient;
let used = 0;

/** The settings of a process that calls its SQS directly or over HTTP. */
const settings = (DIRECT_CALLS: boolean, env: Record<string, string> = {}) =>
  readConfig({
    SQS_ENDPOINT: aws.endpoint,
    AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    SHARDS: "40",
    DIRECT_CALLS: String(DIRECT_CALLS),
    ...env,
  });

beforeAll(async () => {
  folder = await temporaryFolder();
  aws = await startAws({ dataDir: folder.path });
  http = openQueues(settings(false));
  direct = openQueues(settings(true));
  client = http.client;
  await createQueues(http, settings(false));
});

afterAll(async () => {
  http.client.destroy();
  direct.client.destroy();
  await aws.stop();
  await folder.remove();
});

/** Returns the name of a queue that no other test uses. */
const freshQueue = () => commandQueue(used++);

/** Returns a message for "group:body". */
function message(text: string): QueueMessage {
  const [groupId = "", body = ""] = text.split(":");
  return { body, groupId, deduplicationId: text };
}

type Received = Awaited<ReturnType<Queues["receive"]>>;
const bodies = (messages: Received) => messages.map(({ Body }) => Body);
const handles = (messages: Received) => messages.map(({ ReceiptHandle }) => ReceiptHandle ?? "");
const counts = (messages: Received) => messages.map(({ Attributes }) => Attributes?.ApproximateReceiveCount);

const soon = { waitSeconds: 0 };

describe.each([
  ["over HTTP", () => http],
  ["in process", () => direct],
])("queues %s", (_, way) => {
  const setup = () => ({ queues: way(), name: freshQueue() });
  const depth = (queues: Queues, name: string) => queues.depth(name, AbortSignal.timeout(10_000));

  /** Waits until the server has begun earlier calls, and has noticed that connections of aborted calls are closed. */
  const settle = async (queues: Queues, name: string) => {
    for (let call = 0; call < 5; call++) {
      await depth(queues, name);
      await sleep(50);
    }
  };

  test("return messages with their attributes in the order of their group, and lock the group", async () => {
    const { queues, name } = setup();
    for (const text of ["a:1", "a:2", "b:3"]) await queues.send(name, message(text));
    const first = await queues.receive(name, soon);
    expect(bodies(first)).toEqual(["1", "2", "3"]);
    expect(first[0]).toEqual({
      MessageId: expect.stringMatching(/.+/),
      ReceiptHandle: expect.stringMatching(/.+/),
      MD5OfBody: "c4ca4238a0b923820dcc509a6f75849b",
      Body: "1",
      Attributes: { ApproximateReceiveCount: "1", MessageGroupId: "a" },
    });
    await queues.send(name, message("a:4"));
    await queues.send(name, message("c:5"));
    expect(bodies(await queues.receive(name, soon))).toEqual(["5"]);
    await queues.remove(name, handles(first));
    expect(bodies(await queues.receive(name, soon))).toEqual(["4"]);
  });

  test("keep the order of messages that are sent at the same time", async () => {
    const { queues, name } = setup();
    const all = Array.from({ length: 25 }, (_, index) => String(index));
    await Promise.all(all.map((body) => queues.send(name, message(`g:${body}`))));
    const received: (string | undefined)[] = [];
    while (received.length < all.length) {
      const messages = await queues.receive(name, soon);
      received.push(...bodies(messages));
      await queues.remove(name, handles(messages));
    }
    expect(received).toEqual(all);
  });

  test("drop a message with the same deduplication id, also after the first one was removed", async () => {
    const { queues, name } = setup();
    await queues.send(name, message("g:once"));
    await queues.remove(name, handles(await queues.receive(name, soon)));
    await queues.send(name, message("g:once"));
    expect(await queues.sendBatch(name, [message("g:once"), message("g:two")])).toEqual([]);
    expect(bodies(await queues.receive(name, soon))).toEqual(["two"]);
  });

  test("hide received messages for the given time, and count how often each is received", async () => {
    const { queues, name } = setup();
    await queues.sendBatch(name, [message("g:1"), message("g:2")]);
    const first = await queues.receive(name, { waitSeconds: 0, visibilitySeconds: 1 });
    expect(counts(first)).toEqual(["1", "1"]);
    expect(await queues.receive(name, soon)).toEqual([]);
    const again = await queues.receive(name, { waitSeconds: 20 });
    expect(bodies(again)).toEqual(["1", "2"]);
    expect(counts(again)).toEqual(["2", "2"]);
    await queues.hide(name, handles(again), 0);
    expect(counts(await queues.receive(name, soon))).toEqual(["3", "3"]);
  });

  test("ignore removed messages when messages are hidden or removed again", async () => {
    const { queues, name } = setup();
    await queues.sendBatch(name, [message("a:1"), message("b:2")]);
    const received = await queues.receive(name, soon);
    await queues.remove(name, handles(received).slice(0, 1));
    await queues.remove(name, handles(received).slice(0, 1));
    await queues.hide(name, handles(received), 0);
    expect(bodies(await queues.receive(name, soon))).toEqual(["2"]);
  });

  test("remove more messages than fit into one call", async () => {
    const { queues, name } = setup();
    const all = Array.from({ length: 12 }, (_, index) => message(`${index}:x`));
    expect(await queues.sendBatch(name, all.slice(0, 10))).toEqual([]);
    expect(await queues.sendBatch(name, all.slice(10))).toEqual([]);
    const received = [...(await queues.receive(name, soon)), ...(await queues.receive(name, soon))];
    expect(received).toHaveLength(12);
    await queues.remove(name, handles(received));
    expect(await depth(queues, name)).toEqual({ waiting: 0, inFlight: 0 });
  });

  test("move a message that was received too often to the dead-letter queue, and continue its group", async () => {
    const { queues, name } = setup();
    await queues.send(name, message("g:poison"));
    for (let time = 1; time <= maxReceives(name); time++) {
      const received = await queues.receive(name, soon);
      expect(counts(received)).toEqual([String(time)]);
      await queues.hide(name, handles(received), 0);
    }
    await queues.send(name, message("g:next"));
    expect(bodies(await queues.receive(name, soon))).toEqual(["next"]);
    expect(bodies(await queues.receive(deadLetterQueue(name), soon))).toEqual(["poison"]);
  });

  test("report how many messages wait and how many are being processed", async () => {
    const { queues, name } = setup();
    await queues.sendBatch(name, [message("a:1"), message("b:2"), message("b:3")]);
    expect(await depth(queues, name)).toEqual({ waiting: 3, inFlight: 0 });
    await queues.receive(name, soon);
    expect(await depth(queues, name)).toEqual({ waiting: 0, inFlight: 3 });
  });

  test.each([
    ["over HTTP", () => http],
    ["in process", () => direct],
  ])("end a long poll when a message is sent %s", async (_how, sender) => {
    const { queues, name } = setup();
    const polling = queues.receive(name, { waitSeconds: 20 });
    await sender().send(name, message("g:now"));
    expect(bodies(await polling)).toEqual(["now"]);
  });

  test("end a long poll without a message after its time", async () => {
    const { queues, name } = setup();
    expect(await queues.receive(name, { waitSeconds: 1 })).toEqual([]);
  });

  test("give no message to an aborted long poll", async () => {
    const { queues, name } = setup();
    const stop = new AbortController();
    const polling = queues.receive(name, { waitSeconds: 20, signal: stop.signal });
    const others = queues.receive(name, { waitSeconds: 20 });
    const ended = expect(polling).rejects.toMatchObject({ name: "AbortError" });
    await settle(queues, name);
    stop.abort();
    await ended;
    await settle(queues, name);
    await queues.send(name, message("g:kept"));
    const received = await others;
    expect(bodies(received)).toEqual(["kept"]);
    expect(counts(received)).toEqual(["1"]);
  });

  test("receive and change nothing with a signal that has aborted", async () => {
    const { queues, name } = setup();
    await queues.send(name, message("g:1"));
    const signal = AbortSignal.abort();
    await expect(queues.receive(name, { waitSeconds: 0, signal })).rejects.toMatchObject({ name: "AbortError" });
    const received = await queues.receive(name, soon);
    expect(counts(received)).toEqual(["1"]);
    await expect(queues.hide(name, handles(received), 0, signal)).rejects.toMatchObject({ name: "AbortError" });
    await expect(queues.depth(name, signal)).rejects.toMatchObject({ name: "AbortError" });
    expect(await queues.receive(name, soon)).toEqual([]);
  });

  test("refuse a message that SQS never accepts with its reason, and send the others", async () => {
    const { queues, name } = setup();
    const tooLong = { ...message("g:2"), body: JSON.stringify("x".repeat(1_048_576)) };
    const badText = { ...message("g:3"), body: JSON.stringify("x").replace("x", "\uD800") };
    const nonCharacters = { ...message("g:4"), body: JSON.stringify("\uFFFE\uFFFF") };
    const refused = await queues.sendBatch(name, [message("g:1"), tooLong, badText, nonCharacters]);
    expect(refused).toEqual([
      {
        index: 1,
        permanent: true,
        reason: "BatchRequestTooLong: Batch requests cannot be longer than 1048576 bytes.",
      },
      { index: 2, permanent: true, reason: expect.stringMatching(/^InvalidMessageContents: Invalid characters found/) },
    ]);
    expect(bodies(await queues.receive(name, soon))).toEqual(["1", '"\\ufffe\\uffff"']);
    await expect(queues.send(name, badText)).rejects.toThrow("the queue refused the message");
  });

  test("reject a batch that is too large or empty, and a queue that does not exist", async () => {
    const { queues, name } = setup();
    const eleven = Array.from({ length: 11 }, (_, index) => message(`g:${index}`));
    await expect(queues.sendBatch(name, eleven)).rejects.toMatchObject({
      name: "TooManyEntriesInBatchRequest",
      message: "Maximum number of entries per request are 10.",
      $fault: "client",
      $metadata: { httpStatusCode: 400 },
    });
    await expect(queues.sendBatch(name, [])).rejects.toMatchObject({ name: "EmptyBatchRequest" });
    const missing = { name: "QueueDoesNotExist", message: "The specified queue does not exist." };
    await expect(queues.url("missing.fifo")).rejects.toMatchObject(missing);
    await expect(queues.send("missing.fifo", message("g:1"))).rejects.toMatchObject(missing);
    await expect(queues.receive("missing.fifo", soon)).rejects.toMatchObject(missing);
  });

  test("have stored a message, a receive and a removal when the promise resolves", async () => {
    const { queues, name } = setup();
    const file = new DatabaseSync(join(folder.path, "sqs", "fauxqs.db"), { readOnly: true });
    onTestFinished(() => file.close());
    const stored = () =>
      file
        .prepare("select body, approximate_receive_count as count from sqs_messages where queue_name = ?")
        .all(`switchboard-${name}`);
    await queues.send(name, message("g:kept"));
    expect(stored()).toEqual([{ body: "kept", count: 0 }]);
    const received = await queues.receive(name, soon);
    expect(stored()).toEqual([{ body: "kept", count: 1 }]);
    await queues.remove(name, handles(received));
    expect(stored()).toEqual([]);
  });
});

test("the queues of one endpoint have the same store and the same URLs in process and over HTTP", async () => {
  const name = freshQueue();
  expect(await direct.url(name)).toBe(await http.url(name));
  await direct.send(name, message("g:1"));
  await http.send(name, message("g:1"));
  await http.send(name, message("g:2"));
  const received = await http.receive(name, soon);
  expect(bodies(received)).toEqual(["1", "2"]);
  await direct.remove(name, handles(received));
  expect(await http.depth(name, AbortSignal.timeout(10_000))).toEqual({ waiting: 0, inFlight: 0 });
});

test("queues in process need neither the region nor the credentials of the server", async () => {
  const name = freshQueue();
  const env = { AWS_ACCESS_KEY_ID: "other", AWS_SECRET_ACCESS_KEY: "other", AWS_REGION: "eu-north-1" };
  const stranger = openQueues(settings(true, env));
  const strangerOverHttp = openQueues(settings(false, env));
  onTestFinished(() => {
    stranger.client.destroy();
    strangerOverHttp.client.destroy();
  });
  await stranger.send(name, message("g:1"));
  expect(bodies(await stranger.receive(name, soon))).toEqual(["1"]);
  await expect(strangerOverHttp.receive(name, soon)).rejects.toMatchObject({ name: "InvalidAccessKeyId" });
});

test("a consumer in process that takes one batch after the other lets timers run", async () => {
  const name = freshQueue();
  let timerRan = false;
  setTimeout(() => {
    timerRan = true;
  }, 1);
  for (let batch = 0; batch < 20_000 && !timerRan; batch++) await direct.receive(name, soon);
  expect(timerRan).toBe(true);
});

test("queues in process survive a restart of the server, fail while it is stopped, and lose no message", async () => {
  const own = await temporaryFolder();
  let server = await startAws({ dataDir: own.path });
  const { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } = server.credentials;
  const config = readConfig({
    ...{ SQS_ENDPOINT: server.endpoint, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, SHARDS: "1" },
  });
  const queues = openQueues(config);
  onTestFinished(async () => {
    queues.client.destroy();
    await server.stop();
    await own.remove();
  });
  await createQueues(queues, config);
  const name = commandQueue(0);
  await queues.send(name, message("g:before"));
  const polling = queues.receive(deadLetterQueue(name), { waitSeconds: 20 });
  await sleep(100);
  await server.stop();
  expect(await polling).toEqual([]);
  await expect(queues.send(name, message("g:down"))).rejects.toMatchObject({ code: "ECONNREFUSED" });
  server = await startAws({ dataDir: own.path });
  expect(server.endpoint).toBe(config.SQS_ENDPOINT);
  await queues.send(name, message("g:after"));
  expect(bodies(await queues.receive(name, soon))).toEqual(["before", "after"]);
});

test("an SDK client of the endpoint sees the attributes that `Queues` in process does not ask for", async () => {
  const name = freshQueue();
  await direct.send(name, message("g:1"));
  const QueueUrl = await direct.url(name);
  const { Messages } = await client.send(
    new ReceiveMessageCommand({ QueueUrl, MessageSystemAttributeNames: ["All"], MaxNumberOfMessages: 10 }),
  );
  expect(Messages?.[0]?.Attributes).toMatchObject({
    MessageDeduplicationId: "g:1",
    SequenceNumber: expect.stringMatching(/^\d{20}$/),
    SentTimestamp: expect.stringMatching(/^\d{13}$/),
  });
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["ApproximateNumberOfMessagesNotVisible"] }),
  );
  expect(Attributes).toEqual({ ApproximateNumberOfMessagesNotVisible: "1" });
});

test("the calls of one turn of the event loop share a commit, and none resolves before it", async () => {
  const db = new DatabaseSync(join(folder.path, "sqs", "fauxqs.db"), { readOnly: true });
  onTestFinished(() => db.close());
  const rows = db.prepare(
    "SELECT body, approximate_receive_count AS receives FROM sqs_messages WHERE queue_name LIKE '%-command-39.fifo'",
  );
  const name = commandQueue(39);
  const send = (body: string) => direct.sendBatch(name, [{ body, groupId: body, deduplicationId: body }]);
  const receiving = direct.receive(name, { waitSeconds: 20 });
  // The receiver waits, and the URL of the queue is known.
  await sleep(100);
  const calls = [send('"one"'), send('"two"'), receiving];
  const settled: unknown[] = [];
  for (const call of calls) void call.then((result) => settled.push(result));
  // Everything that needs no I/O happens, but the turn doesn't end.
  for (let step = 0; step < 100; step++) await null;
  expect({ settled, rows: rows.all() }).toEqual({ settled: [], rows: [] });
  const [, , messages] = await Promise.all(calls);
  expect(messages).toHaveLength(2);
  expect(rows.all()).toEqual([
    { body: '"one"', receives: 1 },
    { body: '"two"', receives: 1 },
  ]);
});
