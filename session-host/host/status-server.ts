import { createServer, type IncomingMessage } from "node:http";
import { isLocalName, isLoopbackAddress } from "../../core/http/browser.ts";

/** What the status server shows. */
export interface Status {
  /** Returns metrics in the Prometheus text format. */
  metrics: () => Promise<string>;
  healthy: () => boolean;
}

/**
 * Serves `/metrics`, and `/health` with 200 while the host is healthy and 503 otherwise. Over the
 * loopback interface, the `Host` must be `localhost` or an IP address: a web page can reach this machine under the
 * page's own name (DNS rebinding), and a browser then sends no header that shows that it is a browser.
 */
export async function startStatusServer(
  { host, port }: { host: string; port: number },
  { metrics, healthy }: Status,
): Promise<{ url: string; stop(): Promise<void> }> {
  const server = createServer(async (request, response) => {
    response.setHeader("x-content-type-options", "nosniff").setHeader("cache-control", "no-store");
    if (isRebound(request)) return void response.writeHead(403).end();
    const path = request.url?.split("?")[0];
    if (path === "/metrics") {
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(await metrics());
    } else if (path === "/health") {
      const ok = healthy();
      response.writeHead(ok ? 200 : 503, { "content-type": "text/plain" }).end(ok ? "ok\n" : "unhealthy\n");
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const boundPort = typeof address === "object" && address ? address.port : port;
  return {
    url: statusUrl({ host, port: boundPort }),
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function isRebound({ headers, socket }: IncomingMessage): boolean {
  return isLoopbackAddress(socket.remoteAddress) && !isLocalName(headers.host);
}

/** Returns the URL at which this machine reaches a status server that listens on `host`. */
export function statusUrl({ host, port }: { host: string; port: number }): string {
  const address = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
}
