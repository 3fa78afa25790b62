import { expect, test } from "vitest";
import { foreignPage, isLocalName, isLoopbackAddress, reboundName } from "../../../core/http/browser.ts";

const own = "127.0.0.1:3000";
const reader = (headers: Record<string, string>) => (name: string) => headers[name];
const isForeign = (headers: Record<string, string>, method = "POST") =>
  foreignPage(method, reader({ host: own, ...headers })) !== undefined;

test("a program without browser headers is never a foreign page", () => {
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) expect(isForeign({}, method)).toBe(false);
});

test("every method that changes something is refused for pages of other origins", () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "post"]) {
    expect(isForeign({ "sec-fetch-site": "cross-site" }, method)).toBe(true);
    expect(isForeign({ origin: "https://evil.example" }, method)).toBe(true);
  }
  for (const method of ["GET", "HEAD", "OPTIONS"])
    expect(isForeign({ "sec-fetch-site": "cross-site" }, method)).toBe(false);
});

test.each([
  ["https://evil.example", true],
  ["null", true],
  ["http://127.0.0.1:3001", true],
  ["http://localhost:3000", true],
  ["http://127.0.0.1:3000.evil.example", true],
  ["http://evil.example/http://127.0.0.1:3000", true],
  ["file://", true],
  ["", true],
  ["http://127.0.0.1:3000", false],
  ["HTTP://127.0.0.1:3000", false],
])("the origin %s is foreign: %s", (origin, foreign) => {
  expect(isForeign({ origin })).toBe(foreign);
});

test("the default port may be omitted", () => {
  expect(isForeign({ host: "gw.example", origin: "https://gw.example" })).toBe(false);
  expect(isForeign({ host: "gw.example:443", origin: "https://gw.example" })).toBe(false);
  expect(isForeign({ host: "gw.example", origin: "http://gw.example:80" })).toBe(false);
  expect(isForeign({ host: "gw.example:8443", origin: "https://gw.example" })).toBe(true);
});

test("Sec-Fetch-Site decides before Origin, because a proxy may change Host", () => {
  expect(isForeign({ "sec-fetch-site": "same-origin", origin: "https://gw.example" })).toBe(false);
  expect(isForeign({ "sec-fetch-site": "none" })).toBe(false);
  expect(isForeign({ "sec-fetch-site": "cross-site", origin: `http://${own}` })).toBe(true);
  expect(isForeign({ "sec-fetch-site": "same-site", origin: "http://127.0.0.1:8080" })).toBe(true);
  expect(isForeign({ "sec-fetch-site": "anything" })).toBe(true);
});

test.each([
  ["localhost", true],
  ["LOCALHOST:3000", true],
  ["127.0.0.1", true],
  ["192.0.2.7:3000", true],
  ["[::1]:3000", true],
  ["evil.example:3000", false],
  ["localhost.evil.example", false],
  ["127.0.0.1.evil.example", false],
  ["[evil]:3000", false],
  ["999.1.1.1", false],
  ["", false],
])("the host %s is a local name: %s", (host, local) => {
  expect(isLocalName(host)).toBe(local);
});

test("only a browser that used a foreign name is taken for a page with DNS rebinding", () => {
  const rebound = (headers: Record<string, string>) => reboundName(reader(headers)) !== undefined;
  expect(rebound({ host: "evil.example:3000", "sec-fetch-site": "same-origin" })).toBe(true);
  expect(rebound({ host: "evil.example:3000", origin: "http://evil.example:3000" })).toBe(true);
  expect(rebound({ host: own, "sec-fetch-site": "same-origin" })).toBe(false);
  // A reverse proxy passes on the name that the client used, and a program sends no browser header.
  expect(rebound({ host: "gw.example" })).toBe(false);
});

test("loopback addresses are recognized in each form", () => {
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
    expect(isLoopbackAddress(address)).toBe(true);
  for (const address of ["10.0.0.1", "127.evil", "::2", "", undefined]) expect(isLoopbackAddress(address)).toBe(false);
});
