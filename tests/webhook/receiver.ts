import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface Received {
  path: string;
  method: string;
  headers: Record<string, string>;
  body: string;
}

export interface Receiver {
  url: string;
  port: number;
  /** What came, in the order in which it was complete. */
  received: Received[];
  /** Connections that were opened, ever. */
  connections: number;
  /** Waits until so many requests have come. */
  count(wanted: number): Promise<Received[]>;
  /** Changes how it answers. A number is a status. */
  answer(with_: Answerer | number): void;
  /** Ends all connections and refuses new ones, as a server that is down. */
  down(): Promise<void>;
  /** Listens again, on the same port. */
  up(): Promise<void>;
}

export type Answerer = (request: Received, response: ServerResponse, raw: IncomingMessage) => void;

/** A real HTTP server of somebody who receives webhooks, until the test ends. It answers 200 unless told otherwise. */
export async function startReceiver(initial: Answerer | number = 200, host = "127.0.0.1"): Promise<Receiver> {
  let answerer = initial;
  const received: Received[] = [];
  const waiting: { wanted: number; done: (received: Received[]) => void }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const body = Buffer.concat(chunks).toString("utf8");
      const one = { path: request.url ?? "", method: request.method ?? "", headers, body };
      received.push(one);
      for (const { wanted, done } of waiting) if (received.length >= wanted) done(received);
      if (typeof answerer === "function") answerer(one, response, request);
      else response.writeHead(answerer).end("ok");
    });
  });
  server.on("connection", (socket) => {
    receiver.connections++;
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
  onTestFinished(async () => {
    if (server.listening) await down();
  });
  const receiver: Receiver = {
    url: `http://${host}:${port}/hook`,
    port,
    received,
    connections: 0,
    count: (wanted) =>
      received.length >= wanted
        ? Promise.resolve(received)
        : new Promise((done) => void waiting.push({ wanted, done })),
    answer: (with_) => {
      answerer = with_;
    },
    down,
    up: () => listen(port),
  };
  return receiver;
}
