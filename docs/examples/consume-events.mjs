// Prints the events on a queue, one line of JSON each, with nothing but the AWS SDK:
//
//   EVENT_QUEUE=switchboard-events-shop.fifo node consume-events.mjs
//
// Credentials and region are as the AWS SDK finds them (AWS_ENDPOINT_URL_SQS for a gateway on your machine). SIGTERM and Ctrl-C
// end it after the event at hand.
import { DeleteMessageCommand, GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

const sqs = new SQSClient();
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: process.env.EVENT_QUEUE }));
const ending = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => ending.abort());

// Events come at least once, and a repeat has the id of the first. Keep the ids where you keep what you do with the events, best
// in one transaction with it: what is remembered here is forgotten with the process.
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
  // The message group is the instance: SQS gives its events out in order, and the later ones only when the earlier are deleted. So
  // one after another, and deleted when it is done; what is not deleted comes again, before all that follows it.
  for (const { Body, ReceiptHandle } of Messages) {
    if (ending.signal.aborted) break;
    const event = JSON.parse(Body);
    if (!done.has(event.id)) handle(event);
    done.add(event.id);
    if (done.size > 100_000) done.delete(done.values().next().value);
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  }
}
