import { describe, expect, test } from "vitest";
import { createAddressPolicy } from "../../../core/egress/address.ts";

const isPublic = createAddressPolicy([]);

/** https://www.iana.org/assignments/iana-ipv4-special-registry and the multicast range: first and last address. */
const specialIPv4: readonly [name: string, first: string, last: string][] = [
  ["this network", "0.0.0.0", "0.255.255.255"],
  ["private", "10.0.0.0", "10.255.255.255"],
  ["carrier-grade NAT", "100.64.0.0", "100.127.255.255"],
  ["loopback", "127.0.0.0", "127.255.255.255"],
  ["link-local", "169.254.0.0", "169.254.255.255"],
  ["private", "172.16.0.0", "172.31.255.255"],
  ["IETF protocol assignments", "192.0.0.0", "192.0.0.255"],
  ["documentation", "192.0.2.0", "192.0.2.255"],
  ["AS112-v4", "192.31.196.0", "192.31.196.255"],
  ["AMT", "192.52.193.0", "192.52.193.255"],
  ["6to4 relay anycast", "192.88.99.0", "192.88.99.255"],
  ["private", "192.168.0.0", "192.168.255.255"],
  ["direct delegation AS112", "192.175.48.0", "192.175.48.255"],
  ["benchmarking", "198.18.0.0", "198.19.255.255"],
  ["documentation", "198.51.100.0", "198.51.100.255"],
  ["documentation", "203.0.113.0", "203.0.113.255"],
  ["multicast", "224.0.0.0", "239.255.255.255"],
  ["reserved", "240.0.0.0", "255.255.255.254"],
  ["broadcast", "255.255.255.255", "255.255.255.255"],
];

/** https://www.iana.org/assignments/iana-ipv6-special-registry and what is not assigned: first and last address. */
const specialIPv6: readonly [name: string, first: string, last: string][] = [
  ["unspecified", "::", "::"],
  ["loopback", "::1", "::1"],
  ["IPv4-compatible", "::8.8.8.8", "::ffff:ffff"],
  ["IPv4-mapped", "::ffff:0:0", "::ffff:255.255.255.255"],
  ["IPv4-translated", "::ffff:0:0:0", "::ffff:0:8.8.8.8"],
  ["NAT64", "64:ff9b::", "64:ff9b::255.255.255.255"],
  ["NAT64 for local use", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"],
  ["discard-only", "100::", "100::ffff:ffff:ffff:ffff"],
  ["dummy prefix", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"],
  ["IETF protocol assignments", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["Teredo", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["port control protocol anycast", "2001:1::1", "2001:1::3"],
  ["benchmarking", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"],
  ["AMT", "2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["AS112-v6", "2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff"],
  ["ORCHIDv2", "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["drone remote id", "2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["documentation", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["6to4", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["direct delegation AS112", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"],
  ["documentation", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["not assigned", "4000::", "5eff::1"],
  ["segment routing", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["unique local", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["link-local", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["link-local with a zone", "fe80::1%eth0", "fe80::a9fe:a9fe%lo"],
  ["site-local", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["multicast", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
];

test.each([...specialIPv4, ...specialIPv6])("the range %s (%s to %s) is refused", (_name, first, last) => {
  expect([isPublic(first), isPublic(last)]).toEqual([false, false]);
});

const metadata = [
  ["AWS, Google Cloud, Azure, Oracle, DigitalOcean, OpenStack", "169.254.169.254"],
  ["AWS, IPv6", "fd00:ec2::254"],
  ["AWS, name server", "169.254.169.253"],
  ["AWS ECS, credentials", "169.254.170.2"],
  ["AWS EKS, credentials", "169.254.170.23"],
  ["AWS EKS, credentials over IPv6", "fd00:ec2::23"],
  ["Google Cloud, IPv6", "fd20:ce::254"],
  ["Azure, wire server", "168.63.129.16"],
  ["Alibaba Cloud", "100.100.100.200"],
  ["Oracle Cloud", "192.0.0.192"],
  ["Tencent Cloud", "169.254.0.23"],
  ["Scaleway", "169.254.42.42"],
  ["Scaleway, IPv6", "fd00:42::42"],
  ["OpenStack, IPv6", "fe80::a9fe:a9fe"],
] as const;

test.each(metadata)("the metadata service of %s (%s) is refused", (_name, address) => {
  expect(isPublic(address)).toBe(false);
});

describe("an IPv6 address that contains the IPv4 address", () => {
  const inHex = (address: string, separator = ":") => {
    const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
    return [a * 256 + b, c * 256 + d].map((part) => part.toString(16)).join(separator);
  };
  const v4 = [
    ...metadata.map(([, address]) => address).filter((address) => address.includes(".")),
    "127.0.0.1",
    "8.8.8.8",
  ];
  test.each(v4)("%s is refused in every form", (address) => {
    const hex = inHex(address);
    const inverted = inHex(
      address
        .split(".")
        .map((part) => 255 - Number(part))
        .join("."),
    );
    const forms = [
      `::ffff:${address}`,
      `::ffff:${hex}`,
      `0:0:0:0:0:ffff:${hex}`,
      `::${address}`,
      `::ffff:0:${address}`,
      `64:ff9b::${address}`,
      `64:ff9b:1::${hex}`,
      `2002:${hex}::1`,
      `2001:0:4136:e378:8000:63bf:${inverted}`,
      `2001:470:1f0b:1::5efe:${hex}`,
      `2001:470:1f0b:1:200:5efe:${hex}`,
    ];
    expect(forms.filter(isPublic)).toEqual([]);
  });
});

test.each([
  "8.8.8.8",
  "1.0.0.1",
  "100.63.255.255",
  "100.128.0.0",
  "168.63.129.15",
  "168.63.129.17",
  "172.15.255.255",
  "172.32.0.0",
  "192.0.1.0",
  "198.17.255.255",
  "198.20.0.0",
  "223.255.255.255",
  "2001:200::1",
  "2001:4860:4860::8888",
  "2003::1",
  "2606:4700:4700::1111",
  "2a00:1450:4001:82a::200e",
])("the public address %s next to or outside of special ranges is allowed", (address) => {
  expect(isPublic(address)).toBe(true);
});

test.each([
  "",
  "localhost",
  "0x7f.1",
  "0177.0.0.1",
  "2130706433",
  "127.1",
  "8.8.8",
  "8.8.8.8/32",
  "[::1]",
  "256.1.1.1",
])("text that is not an address in its usual form is refused: %j", (text) => {
  expect(isPublic(text)).toBe(false);
});

test("a range in EGRESS_ALLOW also allows an address of a cloud", () => {
  const policy = createAddressPolicy(["168.63.129.16/32"]);
  expect([policy("168.63.129.16"), policy("::ffff:168.63.129.16"), policy("169.254.169.254")]).toEqual([
    true,
    true,
    false,
  ]);
});
