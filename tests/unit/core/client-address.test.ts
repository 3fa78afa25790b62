import { expect, test } from "vitest";
import { readConfig } from "../../../core/config.ts";
import { clientAddress } from "../../../core/http/client-address.ts";

const proxy = "10.0.0.1";
const trusted = ["10.0.0.0/8", "2001:db8:1::/48"];
const find = (peer: string | undefined, forwardedFor?: string, forwarded?: string) =>
  clientAddress({ peer, forwardedFor, forwarded }, trusted);
const client = (ip: string | undefined) => ({ ip, ignored: false });

test("takes the peer without proxies, and ignores every header of a peer that is not trusted", () => {
  expect(find("203.0.113.9")).toEqual(client("203.0.113.9"));
  expect(find("203.0.113.9", "203.0.113.9")).toEqual(client("203.0.113.9"));
  expect(find("203.0.113.9", "198.51.100.1")).toEqual({ ip: "203.0.113.9", ignored: true });
  expect(find("203.0.113.9", "198.51.100.1, 203.0.113.9")).toEqual({ ip: "203.0.113.9", ignored: true });
  expect(find("203.0.113.9", undefined, "for=198.51.100.1")).toEqual({ ip: "203.0.113.9", ignored: true });
  expect(find(undefined, "198.51.100.1")).toMatchObject({ ip: undefined });
  expect(clientAddress({ peer: proxy, forwardedFor: "198.51.100.1", forwarded: undefined }, [])).toEqual({
    ip: proxy,
    ignored: true,
  });
});

test("takes the rightmost address that is not trusted, so that a forged address further left does not count", () => {
  expect(find(proxy, "198.51.100.1")).toEqual(client("198.51.100.1"));
  expect(find(proxy, "127.0.0.1, 198.51.100.1")).toEqual(client("198.51.100.1"));
  expect(find(proxy, "127.0.0.1, 198.51.100.1, 10.0.0.7, 10.0.0.1")).toEqual(client("198.51.100.1"));
  expect(find(proxy, "10.1.1.1, 10.2.2.2")).toEqual(client("10.1.1.1"));
  expect(find("2001:DB8:1::5", "2001:DB8:2:0::9")).toEqual(client("2001:db8:2::9"));
  expect(find("::ffff:10.0.0.1", "::ffff:198.51.100.1")).toEqual(client("198.51.100.1"));
  expect(find(proxy)).toEqual(client(proxy));
});

test("reads ports, brackets and quotes", () => {
  expect(find(proxy, "198.51.100.1:4711")).toEqual(client("198.51.100.1"));
  expect(find(proxy, "[2001:db8:2::9]:4711")).toEqual(client("2001:db8:2::9"));
  expect(find(proxy, undefined, 'for="[2001:db8:2::9]:4711";proto=https;by=10.0.0.1')).toEqual(client("2001:db8:2::9"));
  expect(find(proxy, undefined, "for=127.0.0.1, proto=https;For=198.51.100.1")).toEqual(client("198.51.100.1"));
});

test("stops at an entry that is not an address", () => {
  for (const entry of ["unknown", "_hidden", "", "1.2.3", "0x7f.1", "127.1", "a".repeat(10_000)]) {
    expect(find(proxy, `198.51.100.1, ${entry}`)).toEqual(client(proxy));
    expect(find(proxy, `${entry}, 198.51.100.1`)).toEqual(client("198.51.100.1"));
  }
});

test("knows no address if the two headers disagree, because the proxy wrote only one of them", () => {
  expect(find(proxy, "198.51.100.1", "for=127.0.0.1")).toEqual(client(undefined));
  expect(find(proxy, "198.51.100.1", "for=198.51.100.1")).toEqual(client("198.51.100.1"));
  // The local API gateway appends the peer to X-Forwarded-For.
  expect(find(proxy, proxy, "for=198.51.100.1")).toEqual(client("198.51.100.1"));
});

test("TRUSTED_PROXIES takes addresses and CIDRs", () => {
  expect(readConfig({}).TRUSTED_PROXIES).toEqual([]);
  expect(readConfig({ TRUSTED_PROXIES: "127.0.0.1, ::1,10.0.0.0/8" }).TRUSTED_PROXIES).toEqual([
    "127.0.0.1/32",
    "::1/128",
    "10.0.0.0/8",
  ]);
  for (const wrong of ["proxy", "10.0.0.0/33", "*"]) {
    expect(() => readConfig({ TRUSTED_PROXIES: wrong })).toThrow("TRUSTED_PROXIES");
  }
});
