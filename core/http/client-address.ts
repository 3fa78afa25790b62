import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { ipInRanges } from "./ip-ranges.ts";

/** What a request says about the address of its client. */
export interface Hops {
  /** The address of the connection, as the server or API Gateway saw it. */
  peer: string | undefined;
  /** The `X-Forwarded-For` header. */
  forwardedFor: string | undefined;
  /** The `Forwarded` header (RFC 7239). */
  forwarded: string | undefined;
}

/**
 * Returns the address of the client, and whether headers name other addresses that don't count. The address is the peer,
 * unless the peer is in `trusted`. Then it is the rightmost address in the headers that is not in `trusted`: each
 * proxy appends the address that it saw, so everything further left comes from the client and may be forged. If all
 * addresses are trusted, it is the leftmost one.
 *
 * The address is undefined if it is not known: the peer is not, or `X-Forwarded-For` and `Forwarded` disagree. A proxy
 * usually writes only one of the two and passes on the other one as the client sent it.
 */
export function clientAddress(hops: Hops, trusted: readonly string[]): { ip: string | undefined; ignored: boolean } {
  const peer = normal(hops.peer);
  const lists = [listOf(hops.forwardedFor), forList(hops.forwarded)];
  if (peer === undefined || !ipInRanges(peer, trusted)) {
    // API Gateway, and its local stand-in, append the peer to X-Forwarded-For.
    return { ip: peer, ignored: lists.some((list) => list.some((entry) => entry !== peer)) };
  }
  const found = new Set(lists.flatMap((list) => (list.length > 0 ? [clientOf(list, peer, trusted)] : [])));
  // A list that names only the peer says nothing about the client.
  if (found.size > 1) found.delete(peer);
  return { ip: found.size > 1 ? undefined : [...found, peer][0], ignored: false };
}

/** Returns the client in a list of hops, whose last hop reported to `peer`. An entry that is no address ends the list. */
function clientOf(list: readonly (string | undefined)[], peer: string, trusted: readonly string[]): string {
  let client = peer;
  for (const entry of list.toReversed()) {
    if (entry === undefined) return client;
    client = entry;
    if (!ipInRanges(entry, trusted)) return client;
  }
  return client;
}

const listOf = (header: string | undefined) => (header === undefined ? [] : header.split(",").map(normal));

/** Returns the addresses in the `for` parameters of a `Forwarded` header; undefined for a name, and without `for`. */
function forList(header: string | undefined): (string | undefined)[] {
  if (header === undefined) return [];
  return header.split(",").map((hop) => normal(/(?:^|;)\s*for="?([^";\s]*)"?\s*(?:;|$)/i.exec(hop)?.[1]));
}

/** Returns an address in its usual form, without port and brackets; undefined if the text is no address. */
function normal(text: string | undefined): string | undefined {
  const plain = (text ?? "").trim();
  const host = /^\[([^\]]+)\](?::\d+)?$/.exec(plain)?.[1] ?? (/^[\d.]+:\d+$/.test(plain) ? plain.split(":")[0] : plain);
  return host && isIP(host) ? ipaddr.process(host).toString() : undefined;
}
