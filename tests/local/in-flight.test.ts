import { join } from "node:path";
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { expect, test } from "vitest";
import { startAws } from "../../local/aws/index.ts";
import { releaseInFlight } from "../../local/gateway/in-flight.ts";
import { folderOfTest } from "../support/process/temporary-folder.ts";

test("a new folder without queues needs no release", async () => {
  const folder = await folderOfTest();
  expect(() => releaseInFlight(folder)).not.toThrow();
});

test("messages that a killed gateway had received are redelivered at once and in order", async () => {
  const dataDir = join(await folderOfTest(), "aws");
  const first = await startAws({ dataDir });
  const sqs = new SQSClient(first.clientConfig);
  const attributes = { FifoQueue: "true", VisibilityTimeout: "360" };
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: "events.fifo", Attributes: attributes }));
  for (const body of ["1", "2"]) {
    const message = { MessageBody: body, MessageGroupId: "instance", MessageDeduplicationId: body };
    await sqs.send(new SendMessageCommand({ QueueUrl, ...message }));
  }
  const received = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
  expect(received.Messages?.map(({ Body }) => Body)).toEqual(["1"]);
  sqs.destroy();
  await first.stop();

  releaseInFlight(dataDir);
  const second = await startAws({ dataDir });
  const again = new SQSClient(second.clientConfig);
  const { Messages } = await again.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ["All"] }),
  );
  expect(Messages?.map(({ Body, Attributes }) => [Body, Attributes?.ApproximateReceiveCount])).toEqual([
    ["1", "2"],
    ["2", "1"],
  ]);
  again.destroy();
  await second.stop();
});
