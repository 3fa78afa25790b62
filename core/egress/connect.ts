import * as http from "node:http";
import * as https from "node:https";
import * as net from "node:net";
import * as tls from "node:tls";
import { AppError } from "../error.ts";
import { defined } from "../object.ts";
import type { Resolve } from "./address.ts";
import { EgressError } from "./error.ts";

export const connectTimeoutMs = 10_000;
const connectionsPerOrigin = 64;
/**
 * How long an unused connection stays open. This is shorter than the timeout of servers (Node.js: 5 s), so that no
 * request uses a connection that the server is closing.
 */
const idleMs = 1_000;

export interface Agents {
  of(protocol: string): http.Agent;
  destroy(): void;
}

/** Creates agents that check each connection against the policy, and reuse it for requests to the same origin. */
export function guardedAgents(
  mayReach: (address: string) => boolean,
  resolve: Resolve,
  ca: string | undefined,
): Agents {
  const lookup = guardedLookup(mayReach, resolve);
  const options = { keepAlive: true, maxSockets: connectionsPerOrigin, timeout: idleMs, scheduling: "lifo" } as const;
  const plain = new http.Agent(options);
  const secure = new https.Agent({ ...options, ...defined({ ca }) });
  plain.createConnection = (target, done) => {
    const socket = net.connect({ ...(target as net.TcpNetConnectOpts), lookup });
    return connected(socket, "connect", mayReach, done);
  };
  secure.createConnection = (target, done) => {
    const to = target as tls.ConnectionOptions & { host: string };
    // TLS allows only names here, not addresses (RFC 6066).
    const servername = net.isIP(to.host) === 0 ? to.host : "";
    return connected(
      tls.connect({ ...to, servername, lookup, ALPNProtocols: ["http/1.1"] }),
      "secureConnect",
      mayReach,
      done,
    );
  };
  return {
    of: (protocol) => (protocol === "https:" ? secure : plain),
    destroy() {
      plain.destroy();
      secure.destroy();
    },
  };
}

/** Calls `done` once the socket is connected: with an error if the policy forbids its remote address. */
export function connected(
  socket: net.Socket,
  event: "connect" | "secureConnect",
  mayReach: (address: string) => boolean,
  done: ((error: Error | null, socket: net.Socket) => void) | undefined,
): undefined {
  const timer = setTimeout(
    () => socket.destroy(new EgressError("timeout", `no connection within ${connectTimeoutMs} ms`)),
    connectTimeoutMs,
  );
  const fail = (error: Error) => {
    clearTimeout(timer);
    done?.(error, socket);
  };
  socket.once("error", fail);
  socket.once(event, () => {
    clearTimeout(timer);
    socket.off("error", fail);
    if (mayReach(socket.remoteAddress ?? "")) return done?.(null, socket);
    socket.destroy();
    done?.(notPublic(), socket);
  });
  return undefined;
}

/** Returns a function that resolves names for a socket, without the addresses that the policy forbids. */
export function guardedLookup(mayReach: (address: string) => boolean, resolve: Resolve): net.LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const [first, ...others] = addresses
          .filter(mayReach)
          .map((address) => ({ address, family: net.isIP(address) }));
        if (!first) return callback(notPublic(), "", 0);
        if (options.all) return callback(null, [first, ...others]);
        callback(null, first.address, first.family);
      },
      (error: unknown) => {
        const text = `the name ${hostname} does not resolve; names of a private network resolve only with EGRESS_ALLOW`;
        callback(new EgressError("connect", text, { cause: error }), "", 0);
      },
    );
  };
}

/** The same text for every refused address, so that callers learn nothing about the internal network. */
export const notPublic = () =>
  new AppError(
    "url_not_allowed",
    "the host is not on the public internet; the operator can allow addresses of a private network with EGRESS_ALLOW",
  );
