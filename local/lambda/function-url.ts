import type { IncomingMessage, ServerResponse } from "node:http";
import { Writable } from "node:stream";
import type { APIGatewayProxyEventV2, Context } from "aws-lambda";
import { eventOf, isWellFormed } from "./api-gateway-event.ts";
import { lambdaContext } from "./context.ts";

/** Responds to an event. `begin` sends the head of the response and returns the stream for its body. */
type StreamingHandler<Event> = (
  event: Event,
  begin: (head: { statusCode: number; headers: Record<string, string> }) => Writable,
  context: Context,
) => Promise<void>;

export interface FunctionUrlOptions {
  /** A framework's own type of the event is accepted. */
  handler: StreamingHandler<never>;
  /** Whether a request with this path goes to this function. */
  serves: (path: string) => boolean;
  functionName: string;
  addForwarded: boolean;
  onError: (error: unknown) => void;
}

/**
 * Serves GET requests with a handler whose response is streamed, like a Lambda function URL with the invoke mode
 * `RESPONSE_STREAM`. Unlike on AWS, a handler has no timeout, and the stream ends when the client disconnects. Returns a
 * function for `direct` of `startApiGateway`.
 */
export function functionUrl({ serves, functionName, addForwarded, onError, ...options }: FunctionUrlOptions) {
  const handler = options.handler as StreamingHandler<APIGatewayProxyEventV2>;
  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const [path = ""] = (request.url ?? "").split("?");
    if (!serves(path) || !isWellFormed(request) || !["GET", "HEAD"].includes(request.method ?? "")) return false;
    request.resume();
    const event = eventOf(request, Buffer.alloc(0), addForwarded);
    const context = { ...lambdaContext(functionName, 0), getRemainingTimeInMillis: () => Number.POSITIVE_INFINITY };
    const begin: Parameters<typeof handler>[1] = ({ statusCode, headers }) => {
      response.shouldKeepAlive = false;
      response.writeHead(statusCode, headers);
      response.flushHeaders();
      return streamTo(response);
    };
    handler(event, begin, context).catch((error: unknown) => {
      // A client that disconnects is not an error.
      if (!response.destroyed) onError(error);
      response.destroy();
    });
    return true;
  };
}

/** Returns a stream that writes to the response at the speed of the client. */
function streamTo(response: ServerResponse): Writable {
  const stream = new Writable({
    highWaterMark: 0,
    write: (chunk: Uint8Array, _encoding, done) => {
      if (response.write(chunk)) done();
      else response.once("drain", done);
    },
    final: (done) => {
      response.end(done);
    },
  });
  response.once("close", () => stream.destroy());
  response.once("error", (error) => stream.destroy(error));
  return stream;
}
