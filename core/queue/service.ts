import {
  ChangeMessageVisibilityBatchCommand,
  type ChangeMessageVisibilityBatchCommandInput,
  DeleteMessageBatchCommand,
  type DeleteMessageBatchCommandInput,
  type DeleteMessageBatchResult,
  GetQueueAttributesCommand,
  type GetQueueAttributesCommandInput,
  type GetQueueAttributesResult,
  GetQueueUrlCommand,
  type GetQueueUrlCommandInput,
  type GetQueueUrlResult,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  type ReceiveMessageResult,
  SendMessageBatchCommand,
  type SendMessageBatchCommandInput,
  type SendMessageBatchResult,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { type Config, endpointCredentials } from "../config.ts";

/** The actions of SQS that the gateway uses all the time. They take, return and throw what the SDK does. */
export interface Sqs {
  getQueueUrl(input: GetQueueUrlCommandInput, signal?: AbortSignal): Promise<GetQueueUrlResult>;
  getQueueAttributes(input: GetQueueAttributesCommandInput, signal?: AbortSignal): Promise<GetQueueAttributesResult>;
  sendMessageBatch(input: SendMessageBatchCommandInput, signal?: AbortSignal): Promise<Partial<SendMessageBatchResult>>;
  receiveMessage(input: ReceiveMessageCommandInput, signal?: AbortSignal): Promise<ReceiveMessageResult>;
  deleteMessageBatch(
    input: DeleteMessageBatchCommandInput,
    signal?: AbortSignal,
  ): Promise<Partial<DeleteMessageBatchResult>>;
  changeMessageVisibilityBatch(input: ChangeMessageVisibilityBatchCommandInput, signal?: AbortSignal): Promise<unknown>;
}

/** Returns an SDK client for `SQS_ENDPOINT`, or for AWS without it. */
export function sqsClient(config: Config): SQSClient {
  return new SQSClient({
    region: config.AWS_REGION,
    ...(config.SQS_ENDPOINT && { endpoint: config.SQS_ENDPOINT, credentials: endpointCredentials(config) }),
  });
}

/** Calls SQS over HTTP. */
export function sqsOverHttp(client: SQSClient): Sqs {
  const options = (abortSignal?: AbortSignal) => abortSignal && { abortSignal };
  return {
    getQueueUrl: (input, signal) => client.send(new GetQueueUrlCommand(input), options(signal)),
    getQueueAttributes: (input, signal) => client.send(new GetQueueAttributesCommand(input), options(signal)),
    sendMessageBatch: (input, signal) => client.send(new SendMessageBatchCommand(input), options(signal)),
    receiveMessage: (input, signal) => client.send(new ReceiveMessageCommand(input), options(signal)),
    deleteMessageBatch: (input, signal) => client.send(new DeleteMessageBatchCommand(input), options(signal)),
    changeMessageVisibilityBatch: (input, signal) =>
      client.send(new ChangeMessageVisibilityBatchCommand(input), options(signal)),
  };
}

/** The SQS servers that run in this process, by endpoint. */
const served = new Map<string, Sqs>();

const key = (endpoint: string) => new URL(endpoint).origin;

/**
 * Registers the server of `endpoint`, so that the parts of this process can call it without HTTP. Returns a function that
 * ends this.
 */
export function serveSqs(endpoint: string, sqs: Sqs): () => void {
  served.set(key(endpoint), sqs);
  return () => {
    if (served.get(key(endpoint)) === sqs) served.delete(key(endpoint));
  };
}

/**
 * Returns a function that selects how to make the next call: directly if `DIRECT_CALLS` is true and the server of
 * `SQS_ENDPOINT` runs in this process now, otherwise with the client. The server may start and stop at any time.
 */
export function sqsFor({ DIRECT_CALLS, SQS_ENDPOINT }: Config, client: SQSClient): () => Sqs {
  const overHttp = sqsOverHttp(client);
  if (!DIRECT_CALLS || !SQS_ENDPOINT) return () => overHttp;
  const endpoint = key(SQS_ENDPOINT);
  return () => served.get(endpoint) ?? overHttp;
}
