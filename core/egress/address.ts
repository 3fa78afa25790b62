import { Resolver, lookup as systemLookup } from "node:dns/promises";
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** The only part of IPv6 that is routed on the internet. The rest is unassigned. */
const globalUnicast = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Addresses that are public in the registries, but belong to the machine's own cloud: Azure's wire server gives every
 * virtual machine its certificates and settings. The metadata services of the other clouds are in special-purpose
 * ranges (169.254.0.0/16, 100.64.0.0/10, 192.0.0.0/24, fc00::/7).
 * https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16
 */
const cloudAddresses = [ipaddr.IPv4.parseCIDR("168.63.129.16/32")];

/** The second half of an ISATAP address contains 0:5efe or 200:5efe and an IPv4 address (RFC 5214, section 6.1). */
const isIsatap = ({ parts }: ipaddr.IPv6) => (parts[4] === 0 || parts[4] === 0x200) && parts[5] === 0x5efe;

/**
 * Returns a function that decides whether Switchboard may connect to an address on a caller's behalf. It allows
 * addresses on the public internet and those in `allow` (CIDRs). It refuses all ranges of the IANA special-purpose
 * registries (RFC 6890): private, loopback, link-local with the metadata services of clouds, carrier-grade NAT,
 * multicast, documentation, benchmarking, and unique local. It also refuses every IPv6 form that contains an IPv4
 * address (mapped, NAT64, 6to4, Teredo, ISATAP), because such an address can reach any of these ranges. It can't
 * recognize a NAT64 prefix that a network operator chose.
 * https://www.iana.org/assignments/iana-ipv4-special-registry,
 * https://www.iana.org/assignments/iana-ipv6-special-registry
 */
export function createAddressPolicy(allow: readonly string[]): (address: string) => boolean {
  const allowed = allow.map((cidr) => ipaddr.parseCIDR(cidr));
  const isAllowed = (address: Address) =>
    allowed.some(([range, bits]) => address.kind() === range.kind() && address.match(range, bits));
  return (text) => {
    // `ipaddr` also accepts shortened and octal forms, which other programs read differently.
    if (isIP(text) === 0) return false;
    const address = ipaddr.parse(text);
    if (isAllowed(address)) return true;
    if (address instanceof ipaddr.IPv6) {
      if (address.isIPv4MappedAddress()) return isAllowed(address.toIPv4Address());
      if (!address.match(globalUnicast) || isIsatap(address)) return false;
    } else if (cloudAddresses.some(([range, bits]) => address.match(range, bits))) return false;
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
