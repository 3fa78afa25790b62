import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { AppError } from "../error.ts";

/**
 * A CIDR or a single address in its one normal form, `203.0.113.0/24` or `2001:db8::1/128`: host bits cleared, IPv6 as in
 * RFC 5952, an IPv4 address mapped into IPv6 as the IPv4 address. Undefined when it is neither.
 */
export function normalRange(text: string): string | undefined {
  // Only the full spellings: `ipaddr` also reads `127.1` and octal numbers, which others read otherwise.
  const [, spelled = "", suffix] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? [];
  const version = isIP(spelled);
  if (version === 0) return undefined;
  const longest = version === 4 ? 32 : 128;
  const bits = suffix === undefined ? longest : Number(suffix);
  if (bits > longest) return undefined;
  const address = ipaddr.parse(spelled);
  if (address instanceof ipaddr.IPv6) {
    if (address.isIPv4MappedAddress() && bits >= 96) return networkOf(address.toIPv4Address(), bits - 96);
  }
  return networkOf(address, bits);
}

function networkOf(address: ipaddr.IPv4 | ipaddr.IPv6, bits: number): string {
  const kind = address.kind() === "ipv4" ? ipaddr.IPv4 : ipaddr.IPv6;
  return `${kind.networkAddressFromCIDR(`${address}/${bits}`)}/${bits}`;
}

/** Whether an address is in one of the CIDRs; an IPv4 address mapped into IPv6 counts as the IPv4 address. */
export function ipInRanges(ip: string | undefined, ranges: readonly string[]): boolean {
  if (!ip || !ipaddr.isValid(ip)) return false;
  const address = ipaddr.process(ip);
  return ranges.some((range) => {
    const [network, bits] = ipaddr.parseCIDR(range);
    return network.kind() === address.kind() && address.match(network, bits);
  });
}

/** Whether each of the inner CIDRs lies within one of the outer ones. */
export function rangesWithin(inner: readonly string[], outer: readonly string[]): boolean {
  return inner.every((range) => {
    const [network, bits] = ipaddr.parseCIDR(range);
    return outer.some((around) => {
      const [wide, wideBits] = ipaddr.parseCIDR(around);
      return wide.kind() === network.kind() && wideBits <= bits && network.match(wide, wideBits);
    });
  });
}

/** What stands for the caller behind an address: an IPv6 client has a whole /64 to call from. */
export function clientOf(ip: string): string {
  if (!ipaddr.isValid(ip)) return ip;
  const address = ipaddr.process(ip);
  return address.kind() === "ipv4" ? address.toString() : networkOf(address, 64);
}

/** Throws `ip_not_allowed` unless the address is in these ranges; null is anywhere. */
export function assertAddress(
  ipRanges: string[] | null,
  ip: string | undefined,
  details = "this user may not call from this address",
): void {
  if (!ipRanges || ipInRanges(ip, ipRanges)) return;
  throw new AppError("ip_not_allowed", details);
}
