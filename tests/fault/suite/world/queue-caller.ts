import { setTimeout as sleep } from "node:timers/promises";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { Reply } from "../record/record.ts";
import type { World } from "./world.ts";

const replyQueue = "switchboard-reply-suite.fifo";
const ingressQueue = "switchboard-command-ingress.fifo";
/** Time limit for the first reply to a command, in milliseconds. */
const replyMs = 240_000;

interface IngressReply {
  id: string;
  status: "accepted" | "done" | "failed" | "rejected";
  messageId?: string | null;
  error?: unknown;
}

/** Sends commands over SQS and reads their replies. */
export class QueueCaller {
  readonly replies: Reply[] = [];
  readonly #world: World;
  readonly #sqs: SQSClient;
  readonly #ingressUrl: string;
  readonly #replyUrl: string;
  readonly #waiting = new Map<string, (reply: IngressReply) => void>();
  readonly #stopping = new AbortController();
  readonly #reading: Promise<void>;

  static async start(world: World): Promise<QueueCaller> {
    const { SQS_ENDPOINT = "", AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "" } = world.directEnv;
    const sqs = new SQSClient({
      region: "us-east-1",
      endpoint: SQS_ENDPOINT,
      credentials: { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY },
    });
    const Attributes = { FifoQueue: "true" };
    const made = await sqs.send(new CreateQueueCommand({ QueueName: replyQueue, Attributes }));
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: ingressQueue }));
    return new QueueCaller(world, sqs, QueueUrl ?? "", made.QueueUrl ?? "");
  }

  private constructor(world: World, sqs: SQSClient, ingressUrl: string, replyUrl: string) {
    this.#world = world;
    this.#sqs = sqs;
    this.#ingressUrl = ingressUrl;
    this.#replyUrl = replyUrl;
    this.#reading = this.#read();
  }

  /** Sends a text. Resolves with the message id when the gateway has accepted the command. Throws if it is rejected. */
  async sendText(id: string, instanceId: string, to: string, text: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<IngressReply>();
    this.#waiting.set(id, resolve);
    const timer = setTimeout(() => reject(new Error(`there is no reply to ${id}`)), replyMs);
    const body = {
      v: 1,
      id,
      apiKey: this.#world.apiKey,
      instanceId,
      command: "message.sendText",
      input: { to, text },
      replyTo: replyQueue,
    };
    await this.#repeat(() =>
      this.#sqs.send(
        new SendMessageCommand({
          QueueUrl: this.#ingressUrl,
          MessageBody: JSON.stringify(body),
          MessageGroupId: instanceId,
          MessageDeduplicationId: id,
        }),
      ),
    );
    const reply = await promise.finally(() => clearTimeout(timer));
    if (!reply.messageId) throw new Error(`the send ${id} was rejected: ${JSON.stringify(reply)}`);
    return reply.messageId;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#reading;
    this.#sqs.destroy();
  }

  /** Repeats a request to SQS, whose process can be killed, until it succeeds. */
  async #repeat<Result>(request: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await request();
      } catch (error) {
        if (this.#stopping.signal.aborted) throw error;
        await sleep(200);
      }
    }
  }

  async #read(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const receive = new ReceiveMessageCommand({
          QueueUrl: this.#replyUrl,
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: 20,
        });
        const { Messages = [] } = await this.#sqs.send(receive, { abortSignal: signal });
        for (const { Body } of Messages) this.#take(JSON.parse(Body ?? "") as IngressReply);
        const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
        if (Entries.length > 0) {
          await this.#sqs.send(new DeleteMessageBatchCommand({ QueueUrl: this.#replyUrl, Entries }));
        }
      } catch {
        if (!signal.aborted) await sleep(200);
      }
    }
  }

  #take(reply: IngressReply): void {
    this.replies.push({ requestId: reply.id, status: reply.status, at: this.#world.now() });
    this.#waiting.get(reply.id)?.(reply);
    this.#waiting.delete(reply.id);
  }
}
