import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { randomOf } from "../../../support/random.ts";

/**
 * `errors`: half of the requests get an error and aren't executed. `lost`: half of the requests are executed, but their
 * answer is lost. `duplicates`: every received batch of messages is received a second time.
 */
export interface AwsFault {
  service: "sqs" | "s3";
  mode: "errors" | "lost" | "duplicates";
  /** Selects the requests that fail. */
  seed: number;
}

export interface AwsProxy {
  port: number;
  fault(fault: AwsFault | null): void;
}

const sqsType = "application/x-amz-json-1.0";

/** Starts an HTTP proxy in front of the local SQS and S3. It passes signed requests on unchanged. */
export async function startAwsProxy(target: number): Promise<AwsProxy> {
  const agent = new Agent({ keepAlive: true });
  let current: AwsFault | null = null;
  let random = randomOf(0);
  /** Received batches to deliver again, by the request that received them. */
  const repeats = new Map<string, Buffer>();

  const forward = (incoming: IncomingMessage, body: Buffer): Promise<{ answer: IncomingMessage; body: Buffer }> =>
    new Promise((resolve, reject) => {
      const { method, url: path, headers } = incoming;
      const outgoing = request({ host: "127.0.0.1", port: target, method, path, headers, agent }, async (answer) => {
        try {
          resolve({ answer, body: await read(answer) });
        } catch (error) {
          reject(error);
        }
      });
      incoming.on("error", () => outgoing.destroy());
      incoming.socket.once("close", () => outgoing.destroy());
      outgoing.on("error", reject);
      outgoing.end(body);
    });

  const serve = async (incoming: IncomingMessage, response: ServerResponse) => {
    const body = await read(incoming);
    const sqs = String(incoming.headers["content-type"] ?? "").includes(sqsType);
    const fault = current?.service === (sqs ? "sqs" : "s3") ? current : null;
    const receives = String(incoming.headers["x-amz-target"] ?? "").endsWith(".ReceiveMessage");
    const hit = fault !== null && fault.mode !== "duplicates" && random() < 0.5;
    if (hit && fault.mode === "errors") return refuse(response, sqs);
    const key = body.toString("latin1");
    const repeat = receives ? repeats.get(key) : undefined;
    if (repeat) {
      repeats.delete(key);
      response.writeHead(200, { "content-type": sqsType }).end(repeat);
      return;
    }
    const forwarded = await forward(incoming, body);
    if (hit) return void response.destroy();
    if (fault?.mode === "duplicates" && receives && forwarded.body.includes('"Messages"')) {
      repeats.set(key, forwarded.body);
    }
    response.writeHead(forwarded.answer.statusCode ?? 502, forwarded.answer.headers).end(forwarded.body);
  };
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    fault: (fault) => {
      current = fault;
      if (fault) random = randomOf(fault.seed);
      if (!fault) repeats.clear();
    },
  };
}

async function read(stream: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>));
}

function refuse(response: ServerResponse, sqs: boolean): void {
  if (sqs) {
    const error = { __type: "com.amazonaws.sqs#InternalFailure", message: "injected" };
    response.writeHead(500, { "content-type": sqsType }).end(JSON.stringify(error));
    return;
  }
  const error = '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>injected</Message></Error>';
  response.writeHead(503, { "content-type": "application/xml" }).end(error);
}
