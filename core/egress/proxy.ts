import { isIP } from "node:net";
import { badPorts } from "./port.ts";

export const proxyProtocols = ["http", "https", "socks5"] as const;

/** A proxy server that forwards connections: by HTTP CONNECT (over TLS for `https`), or by SOCKS version 5. */
export interface ProxyServer {
  protocol: (typeof proxyProtocols)[number];
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  host: string;
  port: number;
  /** Empty strings without credentials. */
  username: string;
  password: string;
}

const defaultPorts: Record<ProxyServer["protocol"], number> = { http: 80, https: 443, socks5: 1080 };
/** Maximum length of a user name and of a password, in bytes (RFC 1929). */
const maxCredentialBytes = 255;

/** Parses the URL of a proxy. Returns a text that says what is wrong if it can't be used. */
export function parseProxy(text: string): ProxyServer | string {
  const url = /^[\x21-\x7e]+$/.test(text) ? URL.parse(text) : null;
  const protocol = proxyProtocols.find((one) => url?.protocol === `${one}:`);
  if (!url || !protocol) return "must be an http, https or socks5 URL";
  // The parser normalizes hosts only for the schemes of the web.
  const host = URL.parse(`http://${url.hostname}`)?.hostname.replace(/^\[(.*)\]$/, "$1");
  if (!host) return "must have a host";
  if (!["", "/"].includes(url.pathname) || url.search || url.hash) return "must not have a path or a query";
  const port = url.port === "" ? defaultPorts[protocol] : Number(url.port);
  if (port === 0 || badPorts.has(port)) return `must not have the port ${port}`;
  const [username, password] = [decoded(url.username), decoded(url.password)];
  if (username === undefined || password === undefined) return "must have valid percent-encoding";
  if (Math.max(Buffer.byteLength(username), Buffer.byteLength(password)) > maxCredentialBytes)
    return `must not have a user name or a password of more than ${maxCredentialBytes} bytes`;
  if (password && !username) return "must have a user name if it has a password";
  // A colon ends the user name of an HTTP proxy (RFC 7617).
  if (protocol !== "socks5" && username.includes(":")) return "must not have a user name with a colon";
  return { protocol, host, port, username, password };
}

function decoded(text: string): string | undefined {
  try {
    const plain = decodeURIComponent(text);
    return /\p{Cc}/u.test(plain) ? undefined : plain;
  } catch {
    return undefined;
  }
}

/** Returns the URL of a proxy without its password. */
export function proxyWithoutPassword({ protocol, host, port, username }: ProxyServer): string {
  const user = username ? `${encodeURIComponent(username)}@` : "";
  return `${protocol}://${user}${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
