import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { AppError } from "../error.ts";

/**
 * Normalizes a CIDR or a single address, for example to `203.0.113.0/24` or `2001:db8::1/128`: host bits are cleared,
 * IPv6 is written as in RFC 5952, and an IPv4 address mapped into IPv6 becomes the IPv4 address. Returns undefined for
 * other text.
 */
export function normalRange(text: string): string | undefined {
  // Accept only full addresses: `ipaddr` also reads `127.1` and octal numbers, which other software reads differently.
  const [, host = "", suffix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? [];
  const version = isIP(host);
  if (version === 0) return undefined;
  const maxBits = version === 4 ? 32 : 128;
  const bits = suffix === undefined ? maxBits : Number(suffix);
  if (bits > maxBits) return undefined;
  const address = ipaddr.parse(host);
  if (address instanceof ipaddr.IPv6) {
    if (address.isIPv4MappedAddress() && bits >= 96) return networkOf(address.toIPv4Address(), bits - 96);
  }
  return networkOf(address, bits);
}

function networkOf(address: ipaddr.IPv4 | ipaddr.IPv6, bits: number): string {
  const kind = address.kind() === "ipv4" ? ipaddr.IPv4 : ipaddr.IPv6;
  return `${kind.networkAddressFromCIDR(`${address}/${bits}`)}/${bits}`;
}

/** Whether an address is in one of the CIDRs. An IPv4 address mapped into IPv6 counts as the IPv4 address. */
export function ipInRanges(ip: string | undefined, ranges: readonly string[]): boolean {
  if (!ip || !ipaddr.isValid(ip)) return false;
  const address = ipaddr.process(ip);
  return ranges.some((range) => {
    const [network, bits] = ipaddr.parseCIDR(range);
    return network.kind() === address.kind() && address.match(network, bits);
  });
}

/** Whether each inner CIDR is within one of the outer CIDRs. */
export function rangesWithin(inner: readonly string[], outer: readonly string[]): boolean {
  return inner.every((range) => {
    const [network, bits] = ipaddr.parseCIDR(range);
    return outer.some((around) => {
      const [wide, wideBits] = ipaddr.parseCIDR(around);
      return wide.kind() === network.kind() && wideBits <= bits && network.match(wide, wideBits);
    });
  });
}

/**
 * Returns text that identifies a client by its address: the IPv4 address, or the /64 of an IPv6 address, because one
 * client usually has a whole /64.
 */
export function clientNetwork(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip);
  return address.kind() === "ipv4" ? address.toString() : networkOf(address, 64);
}

/** Throws `ip_not_allowed` unless the address is in the ranges. Null allows any address. */
export function assertIpAllowed(
  ipRanges: string[] | null,
  ip: string | undefined,
  details = "this user does not allow your IP address",
): void {
  if (!ipRanges || ipInRanges(ip, ipRanges)) return;
  throw new AppError("ip_not_allowed", details);
}
