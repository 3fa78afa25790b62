import { afterAll, beforeAll, expect, test } from "vitest";
import { startApi, type TestApi } from "../support/api/api.ts";
import { rawRequest } from "../support/network/raw-request.ts";

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startApi();
  ({ key } = await api.user());
  await api.instance(key);
}, 60_000);
afterAll(() => api?.stop());

/** Sends a request line and a host as they are. Returns the status, the body, and the route that the log names. */
async function send(target: string, host = "gateway.example", method = "GET") {
  const id = `t${Math.random().toString(36).slice(2)}`;
  const credentials = `x-api-key: ${key}\r\nx-request-id: ${id}`;
  const text = await rawRequest(
    api.url,
    `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${credentials}\r\nConnection: close\r\n\r\n`,
  );
  const line = api.logged().find((entry) => entry.includes(id));
  const [head = "", body = ""] = text.split("\r\n\r\n");
  return {
    status: Number(/^HTTP\/1.1 (\d+)/.exec(head)?.[1]),
    body: body.startsWith("{") ? JSON.parse(body) : undefined,
    route: line && JSON.parse(line).route,
  };
}

test.each([
  "x/api/instances?",
  "x/api/instances#",
  "x/openapi.json?a=",
  "x\\api\\instances?",
  "user@x/api/instances?",
  "x:80/api/instances?",
  "/api/instances?",
  "..",
  "[::1",
  "x y",
  "%00",
  "",
])("the Host %j does not change which endpoint serves a request", async (host) => {
  expect(await send("/api/observability/ping", host)).toMatchObject({
    status: 200,
    route: "/api/observability/ping",
    body: { success: true },
  });
  expect(await send("/api/nothing", host)).toMatchObject({ status: 404, body: { code: "route_not_found" } });
});

test.each([
  "http://evil.example/api/observability/ping",
  "HTTPS://user:password@evil.example:8443/api/observability/ping",
  "http://evil.example?x=/api/instances/../observability/ping",
])("a target that is a URL is served by its path: %s", async (target) => {
  const path = target.replace(/^https?:\/\/[^/?]*/i, "");
  const { status, route } = await send(target);
  if (path.startsWith("/")) expect({ status, route }).toEqual({ status: 200, route: "/api/observability/ping" });
  else expect(status).toBe(404);
});

test.each([
  "//evil.example/api/instances",
  "//api/instances",
  "/\\evil.example/api/instances",
  "/api\\instances",
  "/api/x/../instances",
  "/api/x/%2e%2e/instances",
  "/api/x/.%2E/instances",
  "/api/x%2f..%2finstances",
  "/api/x%2f..%5cinstances",
  "/api/x/%252e%252e/instances",
  "/api/./instances",
  "/api/instances%23/x",
  "/api/%0ainstances",
  "/api/insta%09nces",
  "/api/instances%00",
  "*",
])("a target that a URL parser would rewrite reaches no endpoint: %s", async (target) => {
  const { status, body, route } = await send(target);
  expect({ status, code: body?.code, route }).toEqual({ status: 404, code: "route_not_found", route: "none" });
});

test.each(["TRACE", "OPTIONS", "PATCH", "PROPFIND"])("the method %s gets 405 with a code", async (method) => {
  const answer = await send("/api/instances", "x", method);
  expect(answer).toMatchObject({ status: 405, body: { code: "method_not_allowed" } });
});

test("a GET request with a body is served without the body", async () => {
  const text = await rawRequest(
    api.url,
    `GET /api/instances HTTP/1.1\r\nHost: x\r\nx-api-key: ${key}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello`,
  );
  expect(text).toMatch(/^HTTP\/1.1 200 /);
});
