import { isLocalName, type ReadHeader } from "./browser.ts";
import { ipInRanges } from "./ip-ranges.ts";

/** What a request says about the URL at which its client reached the server. */
export interface ReachedBy {
  /** The address of the connection. */
  peer: string | undefined;
  /** Whether a header names another client than the peer, so that a proxy sent the request. */
  isForwarded: boolean;
  header: ReadHeader;
}

/**
 * Returns the URL at which the client of a request reached the server, without a path; undefined if it is not known.
 * Use it only in the response to this request: a client that sends a wrong `Host` then misleads only itself.
 *
 * `X-Forwarded-Host`, `X-Forwarded-Proto` and `Forwarded` count only if the peer is in `trusted`. `Host` counts if the
 * client connected directly. Behind a proxy, `Host` counts only if it is a full domain name: by default, nginx replaces
 * it with the address of its upstream, such as `127.0.0.1:3000` or `switchboard`, which other machines can't reach.
 */
export function reachedUrl({ peer, isForwarded, header }: ReachedBy, trusted: readonly string[]): string | undefined {
  const isTrusted = ipInRanges(peer, trusted);
  const forwarded = isTrusted ? header("forwarded") : undefined;
  const named = isTrusted ? (only(header("x-forwarded-host")) ?? parameter(forwarded, "host")) : undefined;
  const host = named ?? hostHeader(header, isForwarded);
  if (host === undefined || !isHost(host)) return undefined;
  const scheme = isTrusted ? (only(header("x-forwarded-proto")) ?? parameter(forwarded, "proto")) : undefined;
  return `${/^https$/i.test(scheme ?? "") ? "https" : "http"}://${host}`;
}

function hostHeader(header: ReadHeader, isForwarded: boolean): string | undefined {
  const host = header("host");
  const isForwardedHere = isForwarded || header("x-forwarded-host") !== undefined || header("forwarded") !== undefined;
  const isFull = host?.replace(/:\d+$/, "").includes(".") && !isLocalName(host);
  return isForwardedHere && !isFull ? undefined : host;
}

/** A name or an address with an optional port: nothing that could add a path, a user or another host to a URL. */
const isHost = (text: string) =>
  /^(?:[a-z\d](?:[a-z\d_-]*[a-z\d])?(?:\.[a-z\d](?:[a-z\d_-]*[a-z\d])?)*\.?|\[[\da-f:.]+\])(?::\d{1,5})?$/i.test(
    text,
  ) && text.length <= 260;

/** Returns the value of a header that proxies may repeat; undefined if its values differ. */
function only(value: string | undefined): string | undefined {
  const values = new Set((value ?? "").split(",").map((part) => part.trim().toLowerCase()));
  const [first] = values;
  return values.size === 1 && first ? first : undefined;
}

/** Returns a parameter of a `Forwarded` header (RFC 7239) with one hop. */
function parameter(forwarded: string | undefined, name: "host" | "proto"): string | undefined {
  if (forwarded === undefined || forwarded.includes(",")) return undefined;
  for (const pair of forwarded.split(";")) {
    const [key = "", value = ""] = pair.split("=").map((part) => part.trim());
    if (key.toLowerCase() === name) return value.replace(/^"(.*)"$/, "$1");
  }
  return undefined;
}
