import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Hono } from "hono";
import type { WhatsApp } from "../server/whatsapp.ts";
import { channelRoutes } from "./channels.ts";
import { communityRoutes } from "./communities.ts";
import { groupAndCallRoutes } from "./group-and-call.ts";
import { labelRoutes } from "./labels.ts";
import { phoneRoutes } from "./phones.ts";
import { ControlError, document, mount } from "./route.ts";
import { Problem } from "./schema.ts";
import { serverRoutes } from "./server-routes.ts";

const MAX_BODY_BYTES = 150 * 1024 * 1024;

/** The control API as an app; `fetch` it directly, or `startControl` it on a port. */
export function controlApp(wa: WhatsApp): Hono {
  const app = new Hono();
  const routes = [
    ...phoneRoutes(wa),
    ...groupAndCallRoutes(wa),
    ...communityRoutes(wa),
    ...labelRoutes(wa),
    ...channelRoutes(wa),
    ...serverRoutes(wa),
  ];
  for (const definition of routes) mount(app, definition);
  const description = document(routes, Problem);
  app.get("/openapi.json", (context) => context.json(description));
  app.notFound((context) => context.json({ error: "no such path; see /openapi.json" }, 404));
  app.onError((error, context) =>
    context.json({ error: error.message }, error instanceof ControlError ? error.status : 500),
  );
  return app;
}

async function toRequest(message: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new ControlError(400, "the body is too large");
    chunks.push(chunk);
  }
  const method = message.method ?? "GET";
  const body = method === "GET" || method === "HEAD" ? null : Buffer.concat(chunks);
  return new Request(new URL(message.url ?? "/", "http://control"), { method, body });
}

async function respond(app: Hono, message: IncomingMessage, answer: ServerResponse): Promise<void> {
  const response = await app.fetch(await toRequest(message));
  answer.writeHead(response.status, Object.fromEntries(response.headers));
  answer.end(Buffer.from(await response.arrayBuffer()));
}

export type Control = { url: string; stop(): Promise<void> };

/** Serves the control API on the loopback interface. It has no credentials: it is a test instrument. */
export async function startControl(wa: WhatsApp, port = 0): Promise<Control> {
  const app = controlApp(wa);
  const server = createServer((message, answer) => {
    respond(app, message, answer).catch((error: Error) => {
      if (!answer.headersSent) answer.writeHead(error instanceof ControlError ? error.status : 500);
      answer.end(JSON.stringify({ error: error.message }));
    });
  });
  // A busy test must not find its idle connection closed just as it uses it again.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
