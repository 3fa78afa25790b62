import { expect, test } from "vitest";
import { reachedUrl } from "../../../core/http/reached-url.ts";
import { webhookFilesUrl } from "../../../local/gateway/webhook-files-url.ts";

const reached = (headers: Record<string, string>, peer = "10.0.0.9", isForwarded = false) =>
  reachedUrl({ peer, isForwarded, header: (name) => headers[name] }, ["10.0.0.1/32"]);
const proxy = "10.0.0.1";

test.each([
  ["by a name", { host: "gw.example.com:3000" }, "http://gw.example.com:3000"],
  ["by a name in a network of containers", { host: "switchboard:3000" }, "http://switchboard:3000"],
  ["by an address", { host: "192.0.2.7:3000" }, "http://192.0.2.7:3000"],
  ["by an IPv6 address", { host: "[2001:db8::1]:3000" }, "http://[2001:db8::1]:3000"],
])("a client that connects directly is given the URL that it used: %s", (_how, headers, url) => {
  expect(reached(headers)).toBe(url);
});

test("headers that name another host or scheme count only from a trusted proxy", () => {
  const headers = { host: "gw.example.com", "x-forwarded-host": "evil.example", "x-forwarded-proto": "https" };
  expect(reached(headers)).toBe("http://gw.example.com");
  expect(reached(headers, proxy)).toBe("https://evil.example");
  const rfc = { host: "127.0.0.1:3000", forwarded: 'for=203.0.113.5;host="api.example.com";proto=https' };
  expect(reached(rfc)).toBeUndefined();
  expect(reached(rfc, proxy)).toBe("https://api.example.com");
});

test.each(["127.0.0.1:3000", "localhost:3000", "switchboard:3000", "10.0.0.5:3000", "[::1]:3000"])(
  "the upstream %s that a proxy writes into Host is given to nobody",
  (host) => {
    expect(reached({ host }, proxy, true)).toBeUndefined();
    expect(reached({ host }, "10.0.0.9", true)).toBeUndefined();
    expect(reached({ host, "x-forwarded-host": "api.example.com" }, proxy, true)).toBe("http://api.example.com");
  },
);

test.each([
  ...["evil.example/path", "user@evil.example", "evil.example?x", "evil.example#x", "evil.example\\x", "a b"],
  ...["", "evil.example:99999999", "-evil.example", "a..b", "evil.example, other.example", "x".repeat(300)],
])("the host %j is given to nobody", (host) => {
  expect(reached({ host })).toBeUndefined();
});

test("proxies that name different hosts or schemes are not believed", () => {
  const two = { host: "127.0.0.1:3000", "x-forwarded-host": "evil.example, api.example.com" };
  expect(reached(two, proxy)).toBeUndefined();
  const same = { "x-forwarded-host": "api.example.com, api.example.com", "x-forwarded-proto": "https,http" };
  expect(reached(same, proxy)).toBe("http://api.example.com");
});

test("the links in webhooks begin with PUBLIC_URL, else with an address of the machine, and a warning names the setting", () => {
  const warnings: string[] = [];
  const log = { warn: (_fields: unknown, text?: string) => void warnings.push(String(text)) };
  const url = (PUBLIC_URL: string | undefined, HOST: string, addresses = ["192.0.2.7"]) =>
    webhookFilesUrl({ PUBLIC_URL, HOST }, { url: `http://${HOST}:3000`, port: 3000 }, log, () => addresses);
  expect(url("https://gw.example.com", "0.0.0.0")).toBe("https://gw.example.com");
  expect(warnings).toEqual([]);
  expect(url(undefined, "0.0.0.0")).toBe("http://192.0.2.7:3000");
  expect(url(undefined, "::")).toBe("http://192.0.2.7:3000");
  expect(url(undefined, "0.0.0.0", [])).toBe("http://127.0.0.1:3000");
  expect(url(undefined, "127.0.0.1")).toBe("http://127.0.0.1:3000");
  expect(warnings).toHaveLength(4);
  for (const warning of warnings) expect(warning).toContain("PUBLIC_URL");
});
