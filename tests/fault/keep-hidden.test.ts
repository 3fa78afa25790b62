import { CreateQueueCommand, GetQueueAttributesCommand, type Message } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Config, readConfig } from "../../core/config.ts";
import { createLogger } from "../../core/log.ts";
import { createQueues, openQueues, type Queues } from "../../core/queue/index.ts";
import { whileHidden } from "../../core/queue/keep-hidden.ts";
import { type LocalAws, startAws } from "../../local/aws/index.ts";
import { startChild } from "../support/process/child.ts";
import { temporaryFolder } from "../support/process/temporary-folder.ts";
import { until } from "../support/until.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let aws: LocalAws;
let config: Config;
let queues: Queues;
const log = createLogger("test", "silent");
beforeAll(async () => {
  folder = await temporaryFolder();
  aws = await startAws({ dataDir: folder.path });
  config = readConfig({
    SQS_ENDPOINT: aws.endpoint,
    AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    SHARDS: "1",
  });
  queues = openQueues(config);
});
afterAll(async () => {
  queues?.client.destroy();
  await aws?.stop();
  await folder?.remove();
});

/** Creates a queue with two messages of one group, and a visibility timeout that outlasts the tests. */
async function newQueue(name: string): Promise<string> {
  const Attributes = { FifoQueue: "true", VisibilityTimeout: "360" };
  await queues.client.send(new CreateQueueCommand({ QueueName: `${config.QUEUE_PREFIX}-${name}`, Attributes }));
  for (const body of ["1", "2"]) await queues.send(name, { body, groupId: "instance", deduplicationId: body });
  return name;
}

const receive = (name: string) => queues.receive(name, { waitSeconds: 0 });
const bodies = (messages: Message[]) => messages.map(({ Body }) => Body);
const received = (messages: Message[]) =>
  messages.map(({ ReceiptHandle = "", Attributes }) => ({
    receiptHandle: ReceiptHandle,
    attributes: { ApproximateReceiveCount: Attributes?.ApproximateReceiveCount ?? "1" },
  }));
/** Waits for messages, much less long than the visibility timeout of the queue. */
const arriving = (name: string) =>
  until(async () => {
    const found = await receive(name);
    return found.length > 0 ? found : undefined;
  }, 60_000);

test("messages of a killed consumer become visible within seconds, and not while the consumer lives", async () => {
  const name = await newQueue("killed.fifo");
  const child = startChild(`
    import { readConfig } from "./core/config.ts";
    import { createLogger } from "./core/log.ts";
    import { openQueues } from "./core/queue/index.ts";
    import { whileHidden } from "./core/queue/keep-hidden.ts";
    const config = readConfig(${JSON.stringify({
      SQS_ENDPOINT: aws.endpoint,
      AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    })});
    const open = openQueues(config);
    const queues = {
      async hide(...request) {
        await open.hide(...request);
        console.log("0");
      },
    };
    const messages = (await open.receive(${JSON.stringify(name)}, { waitSeconds: 0 })).map((message) => ({
      receiptHandle: message.ReceiptHandle,
      attributes: message.Attributes,
    }));
    await whileHidden({ queues, log: createLogger("child", "silent") }, ${JSON.stringify(name)}, messages,
      () => new Promise(() => {}));
  `);
  await child.next();
  await child.next();
  expect(await receive(name)).toEqual([]);
  await child.kill();
  const messages = await arriving(name);
  expect(bodies(messages)[0]).toBe("1");
});

test("failed messages become visible after a pause, and finished messages stay hidden until they are removed", async () => {
  const name = await newQueue("failed.fifo");
  const messages = received(await receive(name));
  expect(messages).toHaveLength(2);
  const failed = await whileHidden({ queues, log }, name, messages, async () => messages.slice(1));
  expect(failed).toEqual(messages.slice(1));
  await queues.remove(
    name,
    messages.slice(0, 1).map(({ receiptHandle }) => receiptHandle),
  );
  const again = await arriving(name);
  expect(bodies(again)).toEqual(["2"]);
});

test("all messages become visible if the work throws", async () => {
  const name = await newQueue("thrown.fifo");
  const messages = received(await receive(name));
  const work = () => Promise.reject(new Error("the work failed"));
  await expect(whileHidden({ queues, log }, name, messages, work)).rejects.toThrow("the work failed");
  const again = await arriving(name);
  expect(bodies(again)[0]).toBe("1");
});

test("work on messages continues while SQS is not available", async () => {
  const down = { hide: () => Promise.reject(new Error("SQS is down")) };
  const messages = [{ receiptHandle: "handle", attributes: { ApproximateReceiveCount: "1" } }];
  expect(await whileHidden({ queues: down, log }, "any.fifo", messages, async () => [])).toEqual([]);
});

test("the queues of an earlier version get today's retries", async () => {
  const QueueName = `${config.QUEUE_PREFIX}-event.fifo`;
  const { QueueUrl } = await queues.client.send(
    new CreateQueueCommand({ QueueName, Attributes: { FifoQueue: "true", VisibilityTimeout: "30" } }),
  );
  for (let start = 0; start < 2; start++) {
    await createQueues(queues, config);
    const { Attributes } = await queues.client.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["VisibilityTimeout", "RedrivePolicy"] }),
    );
    expect(Attributes?.VisibilityTimeout).toBe("360");
    expect(JSON.parse(Attributes?.RedrivePolicy ?? "")).toMatchObject({ maxReceiveCount: 200 });
  }
});
