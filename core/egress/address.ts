import { Resolver, lookup as systemLookup } from "node:dns/promises";
import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** The only part of IPv6 that is routed on the internet. The rest is unassigned. */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Returns a function that decides whether Switchboard may connect to an address on a caller's behalf. It allows
 * addresses on the public internet and those in `allow` (CIDRs). It refuses all ranges of the IANA special-purpose
 * registries (RFC 6890): private, loopback, link-local with the metadata services of clouds, carrier-grade NAT,
 * multicast, documentation, benchmarking, and unique local. It also refuses every IPv6 form that contains an IPv4
 * address (mapped, NAT64, 6to4, Teredo), because such an address can reach any of these ranges.
 * https://www.iana.org/assignments/iana-ipv4-special-registry,
 * https://www.iana.org/assignments/iana-ipv6-special-registry
 */
export function createAddressPolicy(allow: readonly string[]): (address: string) => boolean {
  const allowed = allow.map((cidr) => ipaddr.parseCIDR(cidr));
  const isAllowed = (address: Address) =>
    allowed.some(([range, bits]) => address.kind() === range.kind() && address.match(range, bits));
  return (text) => {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.parse(text);
    if (isAllowed(address)) return true;
    if (address instanceof ipaddr.IPv6) {
      if (address.isIPv4MappedAddress()) return isAllowed(address.toIPv4Address());
      if (!address.match(globalUnicast)) return false;
    }
    return address.range() === "unicast";
  };
}

/** Resolves a host name to all its addresses. Throws if the name has no address. */
export type Resolve = (hostname: string) => Promise<string[]>;

/**
 * Queries DNS directly instead of through the system's resolver. The resolver runs on four threads that the whole
 * process shares, so a URL with slow name servers would delay other look-ups and file access. Names that only this
 * machine can resolve (its hosts file, a container network) matter only where private addresses are allowed. `local`
 * also resolves such names.
 */
export function createResolver(options: { local: boolean }): Resolve {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  return async (hostname) => {
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    if (addresses.length > 0) return addresses;
    if (options.local) return (await systemLookup(hostname, { all: true })).map((entry) => entry.address);
    throw answers.find((answer) => answer.status === "rejected")?.reason ?? new Error(`${hostname} has no address`);
  };
}
