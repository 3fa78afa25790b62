import { once } from "node:events";
import { isIP, type Socket } from "node:net";
import ipaddr from "ipaddr.js";
import { ProxyError } from "./error.ts";
import type { ProxyServer } from "./proxy.ts";

const version = 5;
const method = { none: 0, password: 2, noneAcceptable: 0xff };
const addressType = { ipv4: 1, name: 3, ipv6: 4 };
/** The replies of a SOCKS server (RFC 1928, section 6). */
const replies = [
  "succeeded",
  "general failure",
  "not allowed",
  "network unreachable",
  "host unreachable",
  "connection refused",
  "TTL expired",
  "command not supported",
  "address type not supported",
];

/** Asks a SOCKS version 5 proxy for a connection (RFC 1928 and RFC 1929). Throws if it refuses. */
export async function requestSocks(
  socket: Socket,
  { username, password }: ProxyServer,
  { host, port }: { host: string; port: number },
): Promise<void> {
  const offered = username ? [method.none, method.password] : [method.none];
  socket.write(Buffer.from([version, offered.length, ...offered]));
  const [answered, chosen = method.noneAcceptable] = await read(socket, 2);
  if (answered !== version) throw new ProxyError("it is not a SOCKS 5 server");
  if (!offered.includes(chosen))
    throw new ProxyError("it requires credentials, or a way to log in that is not supported");
  if (chosen === method.password) {
    socket.write(Buffer.concat([Buffer.from([1]), withLength(username), withLength(password)]));
    const [, status] = await read(socket, 2);
    if (status !== 0) throw new ProxyError("it refused the credentials");
  }
  socket.write(Buffer.concat([Buffer.from([version, 1, 0]), addressOf(host), Buffer.from([port >> 8, port & 0xff])]));
  const [, reply = 1, , type] = await read(socket, 4);
  if (reply !== 0) throw new ProxyError(`it refused the connection: ${replies[reply] ?? `reply ${reply}`}`);
  // The address from which the proxy connects is not needed.
  const length = type === addressType.ipv4 ? 4 : type === addressType.ipv6 ? 16 : (await read(socket, 1))[0];
  await read(socket, (length ?? 0) + 2);
}

function withLength(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function addressOf(host: string): Buffer {
  if (isIP(host) === 0) return Buffer.concat([Buffer.from([addressType.name]), withLength(host)]);
  const type = isIP(host) === 4 ? addressType.ipv4 : addressType.ipv6;
  return Buffer.from([type, ...ipaddr.parse(host).toByteArray()]);
}

/** Reads exactly so many bytes. What follows them stays in the socket. */
async function read(socket: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const chunk: Buffer | null = socket.read(bytes);
    if (chunk?.length === bytes) return chunk;
    if (chunk || socket.readableEnded || socket.destroyed) throw new ProxyError("it closed the connection");
    const done = new AbortController();
    const { signal } = done;
    try {
      await Promise.race([once(socket, "readable", { signal }), once(socket, "close", { signal })]);
    } finally {
      done.abort();
    }
  }
}
