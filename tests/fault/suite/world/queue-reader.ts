import { setTimeout as sleep } from "node:timers/promises";
import { CreateQueueCommand, DeleteMessageBatchCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { World } from "./world.ts";

/** Returns a client of SQS that injected errors don't affect. The process of SQS can be killed nevertheless. */
export function sqsClient({ directEnv }: World): SQSClient {
  const { SQS_ENDPOINT = "", AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "" } = directEnv;
  return new SQSClient({
    region: "us-east-1",
    endpoint: SQS_ENDPOINT,
    credentials: { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY },
  });
}

/** Creates a FIFO queue and passes each message on, in order. */
export class QueueReader {
  readonly #sqs: SQSClient;
  readonly #url: string;
  readonly #take: (body: string) => void;
  readonly #stopping = new AbortController();
  readonly #reading: Promise<void>;

  static async start(world: World, name: string, take: (body: string) => void): Promise<QueueReader> {
    const sqs = sqsClient(world);
    const made = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: { FifoQueue: "true" } }));
    return new QueueReader(sqs, made.QueueUrl ?? "", take);
  }

  private constructor(sqs: SQSClient, url: string, take: (body: string) => void) {
    this.#sqs = sqs;
    this.#url = url;
    this.#take = take;
    this.#reading = this.#read();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#reading;
    this.#sqs.destroy();
  }

  async #read(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const receive = new ReceiveMessageCommand({
          QueueUrl: this.#url,
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: 20,
        });
        const { Messages = [] } = await this.#sqs.send(receive, { abortSignal: signal });
        for (const { Body } of Messages) this.#take(Body ?? "");
        const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
        if (Entries.length > 0) {
          await this.#sqs.send(new DeleteMessageBatchCommand({ QueueUrl: this.#url, Entries }));
        }
      } catch {
        if (!signal.aborted) await sleep(200);
      }
    }
  }
}
