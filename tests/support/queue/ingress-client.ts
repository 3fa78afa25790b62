import { randomUUID } from "node:crypto";
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { expect } from "vitest";
import { type IngressReply, ingressReply } from "../../../core/ingress/message.ts";
import type { TestGateway } from "../gateway/test-gateway.ts";
import { until } from "../until.ts";

type Status = IngressReply["status"];
// biome-ignore lint/suspicious/noExplicitAny: tests look into replies of every status
export type AnyReply = any;

/** A client that sends commands and reads replies over SQS only. */
export interface IngressClient {
  sqs: SQSClient;
  /** Puts a message on the ingress queue and returns its SQS message id. */
  put(body: unknown, options?: { group?: string; replyTo?: string }): Promise<string>;
  /** Returns all replies so far, in order of arrival. */
  replies(): readonly AnyReply[];
  /** Waits for the reply with this status to a request. `to` is the request's own id or its SQS message id. */
  reply(to: string, status: Status, timeoutMs?: number): Promise<AnyReply>;
  createQueue(name: string, attributes?: Record<string, string>): Promise<string>;
  stop(): Promise<void>;
}

export async function startIngressClient(gate: TestGateway, replyQueue: string): Promise<IngressClient> {
  const { env } = gate.gateway;
  const sqs = new SQSClient({
    region: "us-east-1",
    endpoint: env.SQS_ENDPOINT ?? "",
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID ?? "", secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? "" },
  });
  const createQueue = async (QueueName: string, attributes: Record<string, string> = {}) => {
    const Attributes = { FifoQueue: "true", ...attributes };
    const made = await sqs.send(new CreateQueueCommand({ QueueName, Attributes }));
    return made.QueueUrl ?? "";
  };
  const replyUrl = await createQueue(replyQueue);
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: "switchboard-command-ingress.fifo" }));
  const received: AnyReply[] = [];
  const stopping = new AbortController();
  const reading = (async () => {
    while (!stopping.signal.aborted) {
      const receive = new ReceiveMessageCommand({
        QueueUrl: replyUrl,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: 20,
        MessageSystemAttributeNames: ["MessageGroupId"],
      });
      const { Messages = [] } = await sqs.send(receive, { abortSignal: stopping.signal });
      for (const { Body, Attributes } of Messages) {
        const reply = JSON.parse(Body ?? "");
        expect(ingressReply.parse(reply)).toEqual(reply);
        if (reply.instanceId) expect(Attributes?.MessageGroupId).toBe(reply.instanceId);
        received.push(reply);
      }
      const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      if (Entries.length > 0) await sqs.send(new DeleteMessageBatchCommand({ QueueUrl: replyUrl, Entries }));
    }
  })().catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
  return {
    sqs,
    createQueue,
    async put(body, { group = randomUUID(), replyTo } = {}) {
      const sent = await sqs.send(
        new SendMessageCommand({
          QueueUrl,
          MessageBody: typeof body === "string" ? body : JSON.stringify(body),
          MessageGroupId: group,
          MessageDeduplicationId: randomUUID(),
          ...(replyTo ? { MessageAttributes: { replyTo: { DataType: "String", StringValue: replyTo } } } : {}),
        }),
      );
      return sent.MessageId ?? "";
    },
    replies: () => received,
    reply: (to, status, timeoutMs) =>
      until(
        async () => received.find((one) => (one.id === to || one.correlationId === to) && one.status === status),
        timeoutMs,
      ),
    async stop() {
      stopping.abort();
      await reading;
      sqs.destroy();
    },
  };
}
