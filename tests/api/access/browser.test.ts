import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../../core/config.ts";
import { createApp } from "../../../functions/api/app.ts";
import type { Endpoint } from "../../../functions/api/engine/endpoint.ts";
import { type Ask, startApi, type TestApi } from "../../support/api/api.ts";
import { dialects } from "../../support/endpoint/dialect-tables.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ OPEN_KEY_GENERATION: "true", RATE_LIMIT: "1000" });
}, 60_000);
afterAll(() => api?.stop());

const stateChanging = dialects.flatMap(({ endpoints }) => endpoints).filter(({ method }) => method !== "get");
const named = stateChanging.map((endpoint): [string, Endpoint] => [`${endpoint.method} ${endpoint.path}`, endpoint]);
const refused = { status: 403, body: { code: "origin_not_allowed" } };
const rows = async (table: string) => (await api.db.sql`select 1 from ${api.db.sql(table)}`).length;
const login = { email: "someone@example.com", password: "wrong" };

/** Sends a request with headers that `fetch` does not let a program set. */
const send = (method: string, path: string, headers: Record<string, string>, body?: string) =>
  new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    const outgoing = request(new URL(path, api.url), { method, headers }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() });
    });
    outgoing.on("error", reject).end(body);
  });

test.each(named)("%s refuses a page of another origin before it looks at credentials", async (_name, endpoint) => {
  const path = endpoint.path.replaceAll(/\{\w+\}/g, "x");
  for (const headers of [{ origin: "https://evil.example" }, { origin: "null" }, { "sec-fetch-site": "cross-site" }]) {
    const answer = await send(endpoint.method.toUpperCase(), path, headers);
    expect(answer.status).toBe(403);
    expect(JSON.parse(answer.text).code).toBe("origin_not_allowed");
  }
});

describe("a form on another site", () => {
  const form = (type: string, body: string): Ask => ({ body, headers: { "content-type": type } });

  test("creates no user and counts no failed login and no request", async () => {
    const before = [await rows("users"), await rows("login_failures"), await rows("rate_windows")];
    const headers = { origin: "https://evil.example", "content-type": "text/plain" };
    expect(await api.request("POST", "/api/auth/generate-key", { headers })).toMatchObject(refused);
    for (const body of [login, JSON.stringify(login)]) {
      expect(await api.request("POST", "/api/auth/login", { headers, body })).toMatchObject(refused);
    }
    expect([await rows("users"), await rows("login_failures"), await rows("rate_windows")]).toEqual(before);
  });

  test.each([
    ["application/x-www-form-urlencoded", "name=x"],
    ["text/plain", JSON.stringify(login)],
    ["text/plain; application/json", JSON.stringify(login)],
    ["multipart/form-data; boundary=x", JSON.stringify(login)],
  ])("does not get through with the type %s, even without browser headers", async (type, body) => {
    const unsupported = { status: 415, body: { code: "unsupported_media_type" } };
    const before = [await rows("users"), await rows("login_failures")];
    for (const path of ["/api/auth/login", "/api/auth/generate-key"]) {
      expect(await api.request("POST", path, form(type, body))).toMatchObject(unsupported);
    }
    expect([await rows("users"), await rows("login_failures")]).toEqual(before);
  });

  test("does not get through without a content type", async () => {
    const answer = await send("POST", "/api/auth/login", {}, JSON.stringify(login));
    expect(answer.status).toBe(415);
  });
});

test("a request of a page of the same origin, and one of a program, are served", async () => {
  const { host } = new URL(api.url);
  const type = { "content-type": "application/json" };
  const browser = [{ origin: `http://${host}` }, { "sec-fetch-site": "same-origin" }, {}];
  for (const headers of browser) {
    expect((await send("POST", "/api/auth/generate-key", { ...type, ...headers }, "{}")).status).toBe(201);
  }
});

test("a page whose name resolves to this machine can neither read nor write", async () => {
  const { port } = new URL(api.url);
  const page = { host: `evil.example:${port}`, "sec-fetch-site": "same-origin" };
  for (const [method, path] of [
    ["GET", "/api/observability/health"],
    ["GET", "/openapi.json"],
    ["POST", "/api/auth/login"],
  ] as const) {
    const answer = await send(method, path, page);
    expect([path, answer.status]).toEqual([path, 403]);
  }
  // Programs reach the gateway through proxies that keep the name of the client's request.
  expect((await send("GET", "/api/observability/ping", { host: "gw.example" })).status).toBe(200);
});

describe("a page in CORS_ORIGINS", () => {
  const origin = "https://console.example.com";
  const asked = { "access-control-request-method": "POST", "access-control-request-headers": "x-api-key,content-type" };
  const open = (origins = origin) => {
    const { CORS_ORIGINS } = readConfig({ CORS_ORIGINS: origins });
    return createApp({ ...api.served, config: { ...api.deps.config, CORS_ORIGINS } });
  };
  const ask = (
    app: ReturnType<typeof open>,
    method: string,
    path: string,
    headers: Record<string, string>,
    body?: string,
  ) => app.request(path, { method, headers, ...(body === undefined ? {} : { body }) });

  test("may ask before a request, without credentials and without being counted", async () => {
    const app = open(`${origin}, http://localhost:8080`);
    const before = await rows("rate_windows");
    const answer = await ask(app, "OPTIONS", "/api/instance/create", { origin, ...asked });
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": expect.stringContaining("DELETE"),
      "access-control-allow-headers": expect.stringContaining("x-api-key"),
      vary: "Origin",
    });
    expect(answer.headers.has("access-control-allow-credentials")).toBe(false);
    expect(await rows("rate_windows")).toBe(before);
  });

  test("may send requests and read the responses, errors included", async () => {
    const app = open();
    const { key } = await api.user();
    const page = { origin, "sec-fetch-site": "cross-site", "content-type": "application/json" };
    const created = await ask(app, "POST", "/api/instances", { ...page, "x-api-key": key }, '{"name":"CORS"}');
    expect(created.status).toBe(201);
    const refusedKey = await ask(app, "POST", "/api/instances", { ...page, "x-api-key": "wrong" }, '{"name":"CORS"}');
    expect(refusedKey.status).toBe(401);
    for (const answer of [created, refusedKey]) {
      expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
      expect(answer.headers.get("access-control-expose-headers")).toContain("retry-after");
    }
  });

  test("is no other page: an origin that differs in scheme, host or port is refused, and the error names the setting", async () => {
    const app = open();
    for (const other of ["http://console.example.com", `${origin}.evil.example`, `${origin}:8443`, "null", "*"]) {
      for (const [method, headers] of [
        ["OPTIONS", asked],
        ["POST", { "content-type": "application/json" }],
      ] as const) {
        const answer = await ask(app, method, "/api/instances", { ...headers, host: "gw.example", origin: other });
        expect([other, method, answer.status]).toEqual([other, method, 403]);
        expect(await answer.text()).toContain("CORS_ORIGINS");
        expect(answer.headers.has("access-control-allow-origin")).toBe(false);
      }
    }
  });

  test("is refused like all others without the setting", async () => {
    const answer = await ask(createApp(api.served), "OPTIONS", "/api/instances", { origin, ...asked });
    expect(answer.status).toBe(403);
    expect(answer.headers.has("vary")).toBe(false);
  });
});
