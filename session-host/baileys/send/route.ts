import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { isIP, Socket, type TcpNetConnectOpts } from "node:net";
import * as tls from "node:tls";
import { buildConnector, type Dispatcher, Dispatcher1Wrapper, Agent as FetchAgent } from "undici";
import { defined } from "../../../core/object.ts";

/** Opens a TCP connection to a server. */
export type Dial = (target: { host: string; port: number }) => Promise<Socket>;

/** How the connections of one instance reach WhatsApp. */
export interface Route {
  /** The agent for the WebSocket. */
  socketAgent: HttpAgent | undefined;
  /** The agent for Baileys' uploads, which use `node:https`. */
  uploadAgent: HttpsAgent | undefined;
  /**
   * Returns the `fetch` options for downloads, or an empty object if nothing differs from the real WhatsApp. `host`
   * returns the connection's media host.
   */
  downloads(host: () => string): RequestInit;
}

/**
 * Routes all connections through `dial`. `ca` replaces the usual certificate authorities of the servers, and `originOf`
 * replaces the origins of downloads.
 */
export function routeThrough(
  dial: Dial,
  options: {
    secureSocket: boolean;
    ca: string[] | undefined;
    originOf: (origin: string, host: () => string) => string;
  },
): Route {
  const { secureSocket, ca, originOf } = options;
  const secure = dialingAgent(new HttpsAgent(), dial, (socket, host) => encrypted(socket, host, ca));
  const plain = dialingAgent(new HttpAgent(), dial, (socket) => socket);
  const fetchAgent = new FetchAgent({ connect: dialingConnector(dial, ca) });
  return {
    socketAgent: secureSocket ? secure : plain,
    uploadAgent: secure,
    downloads: (host) => divert(fetchAgent, (origin) => originOf(origin, host)),
  };
}

/** Makes the connections of an agent those of `dial`, as `wrap` returns them. */
function dialingAgent<Agent extends HttpAgent>(
  agent: Agent,
  dial: Dial,
  wrap: (socket: Socket, host: string) => Socket,
): Agent {
  agent.createConnection = (options, done) => {
    const { host = "", port } = options as TcpNetConnectOpts;
    dial({ host, port }).then(
      (socket) => done?.(null, wrap(socket, host)),
      // Node.js ignores the socket of a failure.
      (error: Error) => done?.(error, new Socket()),
    );
    return undefined;
  };
  return agent;
}

/** Returns a connector for undici whose connections are those of `dial`. */
function dialingConnector(dial: Dial, ca: string[] | undefined): buildConnector.connector {
  const secure = buildConnector({ allowH2: false, ...defined({ ca }) });
  return (options, done) => {
    const { hostname, protocol, port } = options;
    const isSecure = protocol === "https:";
    dial({ host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port) || (isSecure ? 443 : 80) }).then(
      (socket) => (isSecure ? secure({ ...options, httpSocket: socket }, done) : done(null, socket)),
      (error: Error) => done(error, null),
    );
  };
}

function encrypted(socket: Socket, host: string, ca: string[] | undefined): Socket {
  // TLS allows only names here, not addresses (RFC 6066).
  return tls.connect({ socket, servername: isIP(host) === 0 ? host : "", host, ...defined({ ca }) });
}

/** Returns `fetch` options that send requests to another origin. */
export function divert(agent: FetchAgent, to: (origin: string) => string): RequestInit {
  const composed = agent.compose(
    (dispatch) => (options, handler) => dispatch({ ...options, origin: to(String(options.origin)) }, handler),
  );
  // The `fetch` of Node.js uses an older dispatcher interface than the installed undici.
  const dispatcher: Dispatcher = new Dispatcher1Wrapper(composed) as unknown as Dispatcher;
  return { dispatcher } as unknown as RequestInit;
}
