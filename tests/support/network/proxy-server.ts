import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

/** A proxy that understands HTTP CONNECT and SOCKS 5. */
export interface ProxyOfTest {
  port: number;
  /** The targets of all connections, as `host:port`. */
  targets: string[];
  /** The local ports of the connections to the targets. */
  ports: Set<number>;
  /** Ends all connections, and refuses new ones until `restore`. */
  cut(): void;
  restore(): Promise<void>;
  stop(): Promise<void>;
}

export interface ProxyOptions {
  /** `user:password`. Default: the proxy needs no credentials. */
  credentials?: string;
  /** Makes it a proxy that is reached over TLS. */
  tls?: { cert: string; key: string };
  /** Where connections to a target really lead. Default: to the target. */
  resolve?: (target: { host: string; port: number }) => { host: string; port: number };
}

export async function startProxy(options: ProxyOptions = {}): Promise<ProxyOfTest> {
  const { credentials, resolve = (target) => target } = options;
  const sockets = new Set<Socket>();
  const targets: string[] = [];
  const ports = new Set<number>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  };
  const forward = async (client: Socket, host: string, port: number) => {
    targets.push(`${host}:${port}`);
    const upstream = connect(resolve({ host, port }));
    keep(upstream);
    await once(upstream, "connect");
    ports.add(upstream.localPort ?? 0);
    upstream.on("close", () => client.destroy());
    client.on("close", () => upstream.destroy());
    return () => void client.pipe(upstream).pipe(client);
  };
  const serve = async (client: Socket) => {
    keep(client);
    const [first] = (await once(client, "data")) as [Buffer];
    client.pause();
    if (first[0] === 5) await serveSocks(client, credentials, forward);
    else await serveConnect(client, first.toString("latin1"), credentials, forward);
  };
  const accept = (client: Socket) => void serve(client).catch(() => client.destroy());
  const server: Server = options.tls ? createTlsServer(options.tls, accept) : createServer(accept);
  const listen = (port: number) => new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return {
    ...{ port, targets, ports, cut },
    restore: () => listen(port),
    stop: async () => {
      if (server.listening) cut();
    },
  };
}

type Forward = (client: Socket, host: string, port: number) => Promise<() => void>;

async function serveConnect(client: Socket, head: string, credentials: string | undefined, forward: Forward) {
  const expected = credentials && `Basic ${Buffer.from(credentials).toString("base64")}`;
  const given = /^proxy-authorization: (.+)\r$/im.exec(head)?.[1];
  if (expected && given !== expected) return client.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
  const [, host = "", port] = /^CONNECT (\S+):(\d+) HTTP\/1\.1\r\n/.exec(head) ?? [];
  const start = await forward(client, host.replace(/^\[(.*)\]$/, "$1"), Number(port));
  client.write("HTTP/1.1 200 Connection established\r\n\r\n");
  start();
}

/** Continues after the greeting (RFC 1928, RFC 1929). The simulated clients send each step in one piece. */
async function serveSocks(client: Socket, credentials: string | undefined, forward: Forward) {
  const next = async () => {
    client.resume();
    const [chunk] = (await once(client, "data")) as [Buffer];
    client.pause();
    return chunk;
  };
  client.write(Buffer.from([5, credentials ? 2 : 0]));
  if (credentials) {
    const login = await next();
    const user = login.subarray(2, 2 + (login[1] ?? 0));
    const accepted = `${user}:${login.subarray(3 + user.length)}` === credentials;
    client.write(Buffer.from([1, accepted ? 0 : 1]));
    if (!accepted) return client.end();
  }
  const request = await next();
  const address = request.subarray(4, -2);
  const host = request[3] === 3 ? address.subarray(1).toString() : address.join(".");
  const start = await forward(client, host, request.readUInt16BE(request.length - 2));
  client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
  start();
}
