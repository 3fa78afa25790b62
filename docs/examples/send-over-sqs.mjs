// Sends a text over SQS and prints the replies. Needs `npm install @aws-sdk/client-sqs` and these variables:
//   INSTANCE_ID, TO, TEXT     the instance, the recipient and the text
//   API_KEY                   not needed for a sender that INGRESS_SENDERS allows
//   QUEUE_PREFIX              prefix of the gateway's queues; default "switchboard"
//   REPLY_QUEUE               default "<QUEUE_PREFIX>-reply-example.fifo"
// The AWS SDK finds credentials and region as usual (AWS_ENDPOINT_URL_SQS for a gateway on your machine).
import { randomUUID } from "node:crypto";
import {
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";

const { INSTANCE_ID, TO, TEXT = "Hello from SQS", API_KEY, QUEUE_PREFIX = "switchboard" } = process.env;
const replyTo = process.env.REPLY_QUEUE ?? `${QUEUE_PREFIX}-reply-example.fifo`;

const sqs = new SQSClient();
const urlOf = async (name) => (await sqs.send(new GetQueueUrlCommand({ QueueName: name }))).QueueUrl;
const replies = await urlOf(replyTo);

// Store the id with your order or ticket. Within 24 hours, a repeat with the same id sends the text only once.
const id = randomUUID();
await sqs.send(
  new SendMessageCommand({
    QueueUrl: await urlOf(`${QUEUE_PREFIX}-command-ingress.fifo`),
    MessageGroupId: INSTANCE_ID,
    // Use a new deduplication id for each attempt. SQS drops a second message with the same id, so it gets no reply.
    MessageDeduplicationId: randomUUID(),
    MessageBody: JSON.stringify({
      v: 1,
      id,
      apiKey: API_KEY,
      instanceId: INSTANCE_ID,
      command: "message.sendText",
      input: { to: TO, text: TEXT },
      replyTo,
    }),
  }),
);

for (let status = "sent"; !["done", "failed", "rejected"].includes(status); ) {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: replies, WaitTimeSeconds: 20 }));
  for (const { Body, ReceiptHandle } of Messages) {
    const reply = JSON.parse(Body);
    // Use one reader for each reply queue: this one also deletes replies that it doesn't wait for.
    await sqs.send(new DeleteMessageCommand({ QueueUrl: replies, ReceiptHandle }));
    if (reply.id !== id) continue;
    console.log(JSON.stringify(reply));
    status = reply.status;
    if (status === "failed" || status === "rejected") process.exitCode = 1;
  }
}
