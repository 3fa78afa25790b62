import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { until } from "./until.ts";

export interface Delivery {
  headers: Record<string, string>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of both dialects
  body: any;
}

/** An endpoint that takes webhooks. */
export interface Receiver {
  url: string;
  deliveries: Delivery[];
  /** What it answers from now on; `down` closes connections without an answer. */
  answer(status: number | "down"): void;
  waitFor(matches: (delivery: Delivery) => boolean, timeoutMs?: number): Promise<Delivery>;
  stop(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const deliveries: Delivery[] = [];
  let status: number | "down" = 200;
  const server = createServer(async (request, response) => {
    if (status === "down") {
      request.socket.destroy();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    if (status < 300) deliveries.push({ headers, text, body: JSON.parse(text) });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`,
    deliveries,
    answer: (next) => {
      status = next;
    },
    waitFor: (matches, timeoutMs) => until(async () => deliveries.find(matches), timeoutMs),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
