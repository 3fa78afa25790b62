import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Hono } from "hono";
import { notFromThisMachine, notJson } from "../../core/http/browser.ts";
import { closeServer, listenOnLoopback } from "../server/loopback.ts";
import type { WhatsApp } from "../server/whatsapp.ts";
import { document } from "./base/openapi.ts";
import { statusOf, textOf } from "./base/problem.ts";
import { ControlError, mount, type Route } from "./base/route.ts";
import { Problem } from "./base/schema.ts";
import { callRoutes } from "./routes/calls.ts";
import { channelRoutes } from "./routes/channels.ts";
import { communityRoutes } from "./routes/communities.ts";
import { deviceRoutes } from "./routes/devices.ts";
import { groupRoutes } from "./routes/groups.ts";
import { inboxRoutes } from "./routes/inbox.ts";
import { labelRoutes } from "./routes/labels.ts";
import { linkRoutes } from "./routes/link.ts";
import { ownerRoutes } from "./routes/owner.ts";
import { phoneRoutes } from "./routes/phones.ts";
import { restrictionRoutes } from "./routes/restrictions.ts";
import { ruleRoutes } from "./routes/rules.ts";
import { sendRoutes } from "./routes/send.ts";
import { serverRoutes } from "./routes/server.ts";
import { surveyRoutes } from "./routes/surveys.ts";

const routes: Route[] = [
  ...phoneRoutes,
  ...linkRoutes,
  ...sendRoutes,
  ...surveyRoutes,
  ...inboxRoutes,
  ...groupRoutes,
  ...callRoutes,
  ...communityRoutes,
  ...labelRoutes,
  ...ownerRoutes,
  ...channelRoutes,
  ...deviceRoutes,
  ...restrictionRoutes,
  ...serverRoutes,
  ...ruleRoutes,
];

const MAX_BODY_BYTES = 150 * 1024 * 1024;

/** Returns the control API as an app, for tests that call it in process. `startControl` serves it over HTTP. */
export function controlApp(wa: WhatsApp): Hono {
  const app = new Hono();
  for (const definition of routes) mount(app, wa, definition);
  const description = document(routes, Problem);
  app.get("/openapi.json", (context) => context.json(description));
  app.notFound((context) => context.json({ error: "the path is unknown: see /openapi.json" }, 404));
  app.onError((error, context) => context.json({ error: textOf(error) }, statusOf(error)));
  return app;
}

/** Throws if a web page of another site may have sent the request, because the control API asks for no credentials. */
function assertLocal({ headers, method = "GET" }: IncomingMessage): void {
  const header = (name: string) => headers[name]?.toString();
  const foreign = notFromThisMachine(header);
  if (foreign) throw new ControlError(403, foreign);
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  const wrongType = method === "GET" || method === "HEAD" ? undefined : notJson(header, hasBody);
  if (wrongType) throw new ControlError(415, wrongType);
}

async function toRequest(incoming: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new ControlError(400, "the body is too large");
    chunks.push(chunk);
  }
  const method = incoming.method ?? "GET";
  const body = method === "GET" || method === "HEAD" ? null : Buffer.concat(chunks);
  return new Request(new URL(incoming.url ?? "/", "http://control"), { method, body });
}

async function respond(app: Hono, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  outgoing.setHeader("x-content-type-options", "nosniff");
  outgoing.setHeader("cache-control", "no-store");
  assertLocal(incoming);
  const response = await app.fetch(await toRequest(incoming));
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

export type Control = { url: string; stop(): Promise<void> };

/**
 * Serves the control API on the loopback interface, without credentials. Refuses requests that a web page of another
 * site may have sent.
 */
export async function startControl(wa: WhatsApp, port = 0): Promise<Control> {
  const app = controlApp(wa);
  const server = createServer((incoming, outgoing) => {
    respond(app, incoming, outgoing).catch((error: Error) => {
      if (!outgoing.headersSent) outgoing.writeHead(statusOf(error));
      outgoing.end(JSON.stringify({ error: error.message }));
    });
  });
  // A busy test can reuse an idle connection at the moment when the server closes the connection. The long timeout
  // avoids that.
  server.keepAliveTimeout = 120_000;
  return {
    url: `http://127.0.0.1:${await listenOnLoopback(server, port)}`,
    stop: () => closeServer(server),
  };
}
