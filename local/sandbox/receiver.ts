import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { notFromThisMachine } from "../../core/http/browser.ts";

/** A received webhook. */
export interface Webhook {
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Receiver {
  url: string;
  /** All received webhooks, in order. */
  webhooks: Webhook[];
  stop(): Promise<void>;
}

/** Starts a webhook receiver on 127.0.0.1 that responds with 200 to every request of a program on this machine. */
export async function startReceiver(onWebhook: (webhook: Webhook) => void): Promise<Receiver> {
  const webhooks: Webhook[] = [];
  const server = createServer((request, response) => {
    if (notFromThisMachine((name) => request.headers[name]?.toString())) return void response.writeHead(403).end();
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const webhook = { headers: request.headers, body: Buffer.concat(chunks) };
      webhooks.push(webhook);
      response.writeHead(200).end();
      onWebhook(webhook);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook`,
    webhooks,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const maxAgeSeconds = 5 * 60;

/**
 * Checks both signatures of a webhook, as a receiver would: the hexadecimal HMAC-SHA256 of the body in `X-Webhook-Signature`,
 * and the `v1` signature and timestamp of Standard Webhooks. It shares no code with the gateway, so that it is an independent check.
 * `secret` is `whsec_` followed by base64. Throws if a check fails.
 */
export function verifySignatures({ headers, body }: Webhook, secret: string, now = Date.now()): void {
  const hex = createHmac("sha256", secret).update(body).digest("hex");
  if (!equalInConstantTime(hex, requiredHeader(headers, "x-webhook-signature")))
    throw new Error("X-Webhook-Signature does not match the body");
  const timestamp = requiredHeader(headers, "webhook-timestamp");
  if (!(Math.abs(now / 1000 - Number(timestamp)) <= maxAgeSeconds)) throw new Error("webhook-timestamp is too old");
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signed = createHmac("sha256", key)
    .update(`${requiredHeader(headers, "webhook-id")}.${timestamp}.`)
    .update(body);
  const expected = `v1,${signed.digest("base64")}`;
  const signatures = requiredHeader(headers, "webhook-signature").split(" ");
  if (!signatures.some((signature) => equalInConstantTime(expected, signature)))
    throw new Error("webhook-signature does not match the webhook");
}

function requiredHeader(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  if (typeof value === "string") return value;
  throw new Error(`the webhook has no header ${name}`);
}

function equalInConstantTime(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}
