import { once } from "node:events";
import * as http from "node:http";
import * as net from "node:net";
import * as tls from "node:tls";
import { defined } from "../object.ts";
import { createAddressPolicy, createResolver } from "./address.ts";
import { connected, connectTimeoutMs, guardedLookup, notPublic } from "./connect.ts";
import { ProxyError, proxyErrorOf } from "./error.ts";
import type { EgressOptions } from "./index.ts";
import type { ProxyServer } from "./proxy.ts";
import { requestSocks } from "./socks.ts";

/** Opens a connection to a server through a proxy. Throws `ProxyError`. */
export type ProxyDialer = (proxy: ProxyServer, target: { host: string; port: number }) => Promise<net.Socket>;

/** Maximum size of a proxy's response to CONNECT, in bytes. */
const maxHeaderBytes = 16 * 1024;

/**
 * Creates a function that connects through proxies of callers. The guard that checks callers' URLs also checks the
 * addresses of the proxies, so that a proxy can't be the way to an internal server. The proxy resolves the name of the
 * target.
 *
 * The usual packages (`https-proxy-agent`, `socks-proxy-agent`) are not used, because they open the connection to the
 * proxy themselves, so that its address can't be checked.
 */
export function createProxyDialer(options: EgressOptions): ProxyDialer {
  const mayReach = createAddressPolicy(options.allow);
  const resolve = options.resolve ?? createResolver({ local: options.allow.length > 0 });
  const lookup = guardedLookup(mayReach, resolve);

  function connect({ protocol, host, port }: ProxyServer): Promise<net.Socket> {
    return new Promise((resolve, reject) => {
      if (net.isIP(host) !== 0 && !mayReach(host)) return reject(notPublic());
      const secure = protocol === "https";
      // TLS allows only names here, not addresses (RFC 6066).
      const servername = net.isIP(host) === 0 ? host : "";
      const socket = secure
        ? tls.connect({ host, port, servername, lookup, ALPNProtocols: ["http/1.1"], ...defined({ ca: options.ca }) })
        : net.connect({ host, port, lookup });
      connected(socket, secure ? "secureConnect" : "connect", mayReach, (error) =>
        error ? reject(error) : resolve(socket),
      );
    });
  }

  return async (proxy, target) => {
    let socket: net.Socket | undefined;
    try {
      socket = await connect(proxy);
      const timer = setTimeout(
        () => socket?.destroy(new ProxyError("the proxy did not respond in time")),
        connectTimeoutMs,
      );
      try {
        await (proxy.protocol === "socks5" ? requestSocks : requestConnect)(socket, proxy, target);
      } finally {
        clearTimeout(timer);
      }
      return socket;
    } catch (error) {
      socket?.destroy();
      throw proxyErrorOf(error);
    }
  };
}

/** Asks an HTTP proxy for a tunnel (RFC 9110, section 9.3.6). Throws if it refuses. */
async function requestConnect(
  socket: net.Socket,
  { username, password }: ProxyServer,
  { host, port }: { host: string; port: number },
): Promise<void> {
  const authority = `${net.isIP(host) === 6 ? `[${host}]` : host}:${port}`;
  const credentials = Buffer.from(`${username}:${password}`).toString("base64");
  const request = http.request({
    createConnection: () => socket,
    method: "CONNECT",
    path: authority,
    headers: { host: authority, ...(username && { "proxy-authorization": `Basic ${credentials}` }) },
    maxHeaderSize: maxHeaderBytes,
  });
  request.end();
  const [{ statusCode = 0 }, , head] = (await once(request, "connect")) as [http.IncomingMessage, net.Socket, Buffer];
  if (statusCode < 200 || statusCode > 299) throw new ProxyError(`it responded with HTTP status ${statusCode}`);
  if (head.length > 0) socket.unshift(head);
}
