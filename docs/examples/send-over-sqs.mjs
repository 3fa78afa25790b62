// Sends a text over SQS and prints what comes back. Needs nothing but `npm install @aws-sdk/client-sqs`, and of the environment:
//   INSTANCE_ID, TO, TEXT     which instance sends what to whom
//   API_KEY                   not needed by a sender that INGRESS_SENDERS allows
//   QUEUE_PREFIX              of the gateway; default "switchboard"
//   REPLY_QUEUE               default "<QUEUE_PREFIX>-reply-example.fifo"
// and credentials and region as the AWS SDK finds them (AWS_ENDPOINT_URL_SQS for a gateway on your machine).
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

// Keep it with what the text is about: the same id within 24 hours is the same text, which goes out once.
const id = randomUUID();
await sqs.send(
  new SendMessageCommand({
    QueueUrl: await urlOf(`${QUEUE_PREFIX}-command-ingress.fifo`),
    MessageGroupId: INSTANCE_ID,
    // Its own for each try: SQS drops a second message with the same one, and nothing would answer it.
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
    // One reader for each reply queue: what it does not wait for it deletes all the same.
    await sqs.send(new DeleteMessageCommand({ QueueUrl: replies, ReceiptHandle }));
    if (reply.id !== id) continue;
    console.log(JSON.stringify(reply));
    status = reply.status;
    if (status === "failed" || status === "rejected") process.exitCode = 1;
  }
}
