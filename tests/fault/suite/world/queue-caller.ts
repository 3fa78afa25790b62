import { setTimeout as sleep } from "node:timers/promises";
import { GetQueueUrlCommand, SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { Reply } from "../record/record.ts";
import { QueueReader, sqsClient } from "./queue-reader.ts";
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
  readonly #waiting = new Map<string, (reply: IngressReply) => void>();
  #reader: QueueReader | undefined;
  #stopped = false;

  static async start(world: World): Promise<QueueCaller> {
    const sqs = sqsClient(world);
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: ingressQueue }));
    const caller = new QueueCaller(world, sqs, QueueUrl ?? "");
    caller.#reader = await QueueReader.start(world, replyQueue, (body) => caller.#take(JSON.parse(body)));
    return caller;
  }

  private constructor(world: World, sqs: SQSClient, ingressUrl: string) {
    this.#world = world;
    this.#sqs = sqs;
    this.#ingressUrl = ingressUrl;
  }

  /** Sends a text. Resolves with the message id when the gateway has accepted the command. Throws if it is rejected. */
  async sendText(id: string, instanceId: string, to: string, text: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<IngressReply>();
    this.#waiting.set(id, resolve);
    const timer = setTimeout(() => reject(new Error(`there is no reply to ${id}`)), replyMs);
    const command = { command: "message.sendText", input: { to, text }, replyTo: replyQueue };
    const send = new SendMessageCommand({
      QueueUrl: this.#ingressUrl,
      MessageBody: JSON.stringify({ v: 1, id, apiKey: this.#world.apiKey, instanceId, ...command }),
      MessageGroupId: instanceId,
      MessageDeduplicationId: id,
    });
    await this.#repeat(() => this.#sqs.send(send));
    const reply = await promise.finally(() => clearTimeout(timer));
    if (!reply.messageId) throw new Error(`the send ${id} was rejected: ${JSON.stringify(reply)}`);
    return reply.messageId;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#reader?.stop();
    this.#sqs.destroy();
  }

  /** Repeats a request to SQS, whose process can be killed, until it succeeds. */
  async #repeat<Result>(request: () => Promise<Result>): Promise<Result> {
    for (;;) {
      try {
        return await request();
      } catch (error) {
        if (this.#stopped) throw error;
        await sleep(200);
      }
    }
  }

  #take(reply: IngressReply): void {
    this.replies.push({ requestId: reply.id, status: reply.status, at: this.#world.now() });
    this.#waiting.get(reply.id)?.(reply);
    this.#waiting.delete(reply.id);
  }
}
