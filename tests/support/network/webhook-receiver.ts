import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { until } from "../until.ts";

/** A request as it came in, with its body as text. */
export interface ReceivedRequest {
  path: string;
  method: string;
  headers: Record<string, string>;
  body: string;
}

/** A request that got a status below 300. */
export interface Delivery {
  headers: Record<string, string>;
  text: string;
  /** The parsed `text`, or undefined if `text` isn't JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of both dialects
  body: any;
}

export type Answerer = (request: ReceivedRequest, response: ServerResponse, raw: IncomingMessage) => void;

/** Closes the connection without a response. */
export const closeConnection: Answerer = (_request, response) => void response.destroy();

/** An HTTP server that receives webhooks. */
export interface WebhookReceiver {
  url: string;
  port: number;
  /** Every request, in the order in which the requests were complete. */
  received: ReceivedRequest[];
  /** The requests that got a status below 300, in order. */
  deliveries: Delivery[];
  /** The number of connections ever opened. */
  readonly connections: number;
  /** Sets the response to all later requests. A number is a status. */
  answer(how: Answerer | number): void;
  /** Returns the first delivery that matches, as soon as there is one. */
  waitFor(matches: (delivery: Delivery) => boolean, timeoutMs?: number): Promise<Delivery>;
  /** Returns all requests as soon as there are `wanted` of them. */
  count(wanted: number): Promise<ReceivedRequest[]>;
  /** Ends all connections and refuses new ones. */
  down(): Promise<void>;
  /** Listens again, on the same port. */
  up(): Promise<void>;
  stop(): Promise<void>;
}

export interface ReceiverOptions {
  host?: string;
  /** Whether requests are kept; true by default. A benchmark counts the requests itself. */
  keep?: boolean;
}

/** Starts a receiver. It responds with 200 by default. */
export async function startWebhookReceiver(
  initial: Answerer | number = 200,
  { host = "127.0.0.1", keep = true }: ReceiverOptions = {},
): Promise<WebhookReceiver> {
  let answerer = initial;
  let connections = 0;
  const received: ReceivedRequest[] = [];
  const deliveries: Delivery[] = [];
  const waiting: { wanted: number; done: () => void }[] = [];
  const sockets = new Set<Socket>();
  const deliver = ({ headers, body }: ReceivedRequest) => {
    if (keep) deliveries.push({ headers, text: body, body: parsed(body) });
  };
  const take = (one: ReceivedRequest, response: ServerResponse, raw: IncomingMessage) => {
    if (keep) received.push(one);
    for (const { wanted, done } of waiting) if (received.length >= wanted) done();
    if (typeof answerer === "function") {
      response.on("finish", () => response.statusCode < 300 && deliver(one));
      answerer(one, response, raw);
      return;
    }
    // List the request before the response, so that every delivery that the sender considers done is listed.
    if (answerer < 300) deliver(one);
    response.writeHead(answerer).end("ok");
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => take(requestOf(request, chunks), response, request));
  });
  server.on("connection", (socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, host, resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const down = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return {
    url: `http://${host}:${port}/webhook`,
    port,
    received,
    deliveries,
    get connections() {
      return connections;
    },
    answer: (how) => {
      answerer = how;
    },
    waitFor: (matches, timeoutMs) => until(async () => deliveries.find(matches), timeoutMs),
    count: (wanted) =>
      received.length >= wanted
        ? Promise.resolve(received)
        : new Promise((resolve) => void waiting.push({ wanted, done: () => resolve(received) })),
    down,
    up: () => listen(port),
    stop: async () => {
      if (server.listening) await down();
    },
  };
}

function requestOf(request: IncomingMessage, chunks: readonly Buffer[]): ReceivedRequest {
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const body = Buffer.concat(chunks).toString("utf8");
  return { path: request.url ?? "", method: request.method ?? "", headers, body };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
