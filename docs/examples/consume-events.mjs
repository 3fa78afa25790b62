// Prints the events on a queue, one line of JSON each, with nothing but the AWS SDK:
//
//   EVENT_QUEUE=switchboard-events-shop.fifo node consume-events.mjs
//
// The AWS SDK finds credentials and region as usual (AWS_ENDPOINT_URL_SQS for a gateway on your machine). SIGTERM and Ctrl-C
// stop the program after the current event.
import { DeleteMessageCommand, GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

const sqs = new SQSClient();
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: process.env.EVENT_QUEUE }));
const ending = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => ending.abort());

// The gateway sends each event at least once, and a repeat has the same id. Store the ids together with the result of your
// work, if possible in one transaction. This set is lost when the process ends.
const done = new Set();

function handle(event) {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

while (!ending.signal.aborted) {
  const { Messages = [] } = await sqs
    .send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }), {
      abortSignal: ending.signal,
    })
    .catch((error) => {
      if (ending.signal.aborted) return {};
      throw error;
    });
  // The message group is the instance. SQS delivers its events in order, and later ones only after the earlier ones are
  // deleted. Handle one event after another, and delete each when it is done. SQS redelivers an event that isn't deleted,
  // before all later ones.
  for (const { Body, ReceiptHandle } of Messages) {
    if (ending.signal.aborted) break;
    const event = JSON.parse(Body);
    if (!done.has(event.id)) handle(event);
    done.add(event.id);
    if (done.size > 100_000) done.delete(done.values().next().value);
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  }
}
