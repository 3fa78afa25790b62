import { setImmediate as nextTurn } from "node:timers/promises";
import { type Message, type MessageAttributeValue, SQSServiceException } from "@aws-sdk/client-sqs";
import type { startFauxqs } from "fauxqs";
import { defined } from "../../core/object.ts";
import type { Sqs } from "../../core/queue/service.ts";

type Configure = NonNullable<NonNullable<Parameters<typeof startFauxqs>[0]>["configure"]>;
type App = Parameters<Configure>[0];

/** What the route for SQS reads of a request. */
interface Request {
  headers: Record<string, string>;
  body: object;
  /** A receiver whose socket is destroyed gets no messages. */
  raw: { socket: { destroyed: boolean } };
}
interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
}
type Route = (request: Request, reply: Reply) => Promise<unknown>;

export const sqsType = "application/x-amz-json-1.0";

/** Finds the route for SQS of the local SQS and S3 (fauxqs). */
export class RouteFinder {
  #app: App | undefined;
  #route: Route | undefined;

  /** Call this before the server listens. */
  watch(app: App): void {
    this.#app = app;
    app.addHook("onRequest", async ({ routeOptions }) => {
      const isSqs = routeOptions.url === "/" && [routeOptions.method].flat().includes("POST");
      if (isSqs) this.#route ??= routeOptions.handler.bind(app) as unknown as Route;
    });
  }

  /** Call this when the server listens. */
  async find(): Promise<Route> {
    // The server refuses this request, but the hook has seen its route.
    await this.#app?.inject({ method: "POST", url: "/" });
    if (!this.#route) throw new Error("fauxqs has no route for SQS");
    return this.#route;
  }
}

/**
 * Returns SQS without HTTP, JSON and signatures. The same route serves the requests of SDK clients, so that both share
 * the store, its rules and its transactions: what a call has changed is stored when its promise resolves.
 */
export function sqsInProcess(route: Route): Sqs {
  const call = async (action: string, body: object, signal?: AbortSignal, socket = { destroyed: false }) => {
    if (signal?.aborted) throw aborted();
    let failed: number | undefined;
    const reply: Reply = {
      status: (code) => {
        failed = code;
        return reply;
      },
      header: () => reply,
    };
    const headers = { "content-type": sqsType, "x-amz-target": `AmazonSQS.${action}` };
    const result = await route({ headers, body, raw: { socket } }, reply);
    if (failed !== undefined) throw exceptionOf(failed, result as Failure);
    return result as object;
  };
  return {
    getQueueUrl: (input, signal) => call("GetQueueUrl", input, signal),
    getQueueAttributes: (input, signal) => call("GetQueueAttributes", input, signal),
    sendMessageBatch: (input, signal) => call("SendMessageBatch", input, signal),
    deleteMessageBatch: (input, signal) => call("DeleteMessageBatch", input, signal),
    changeMessageVisibilityBatch: (input, signal) => call("ChangeMessageVisibilityBatch", input, signal),
    async receiveMessage(input, signal) {
      // Messages that are already in the queue come without any I/O. A consumer that takes one batch after the other must
      // not keep timers and sockets of this process waiting.
      await nextTurn();
      const socket = { destroyed: false };
      const received: Promise<Received> = call("ReceiveMessage", input, signal, socket);
      const { Messages = [] } = await (signal ? untilAborted(received, signal, socket) : received);
      return { Messages: Messages.map(withBytes) };
    },
  };
}

/**
 * Settles as a receive does, or rejects when the signal aborts. No message is lost: a receive that took messages before
 * the signal aborts returns them, because its promise settles in the same turn. Afterwards, it takes none.
 */
function untilAborted<T>(received: Promise<T>, signal: AbortSignal, socket: { destroyed: boolean }): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      socket.destroyed = true;
      setImmediate(() => reject(aborted()));
    };
    signal.addEventListener("abort", abort, { once: true });
    received.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** The error that the SDK throws for an aborted call. */
const aborted = () => Object.assign(new Error("Request aborted"), { name: "AbortError" });

/** The body of a failed response. */
type Failure = { __type: string; message: string };

/** Returns the exception that the SDK makes of a failed response. */
function exceptionOf(httpStatusCode: number, { __type, message }: Failure): SQSServiceException {
  const name = __type.replace(/^.*#/, "");
  return new SQSServiceException({ name, message, $fault: "client", $metadata: { httpStatusCode } });
}

/** The result of a receive, in which the values of binary attributes are base64. */
type Received = {
  Messages?: (Omit<Message, "MessageAttributes"> & { MessageAttributes?: Record<string, Attribute> })[];
};
type Attribute = Omit<MessageAttributeValue, "BinaryValue"> & { BinaryValue?: string };

/** Decodes binary attributes, as the SDK does. The attributes belong to the store, so this changes only copies. */
function withBytes({ MessageAttributes, ...message }: NonNullable<Received["Messages"]>[number]): Message {
  if (!MessageAttributes) return message;
  const decoded = Object.entries(MessageAttributes).map(([name, { BinaryValue, ...attribute }]) => [
    name,
    { ...attribute, ...defined({ BinaryValue: BinaryValue && Buffer.from(BinaryValue, "base64") }) },
  ]);
  return { ...message, MessageAttributes: Object.fromEntries(decoded) };
}
