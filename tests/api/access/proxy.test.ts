import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readConfig } from "../../../core/config.ts";
import { createApiKey } from "../../../core/user/index.ts";
import { createApp } from "../../../functions/api/app.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";

let api: TestApi;
let user: Awaited<ReturnType<TestApi["user"]>>;
beforeAll(async () => {
  api = await startApi();
  user = await api.user();
}, 60_000);
afterAll(() => api?.stop());
beforeEach(async () => {
  await api.db.sql`delete from rate_windows`;
  await api.db.sql`delete from login_failures`;
});

const proxy = "10.0.0.1";
const client = "203.0.113.5";

/** Starts an API whose requests come from `proxy`, and returns a function that sends one. */
function behindProxy(env: Record<string, string> = {}) {
  const settings = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const { TRUSTED_PROXIES, RATE_LIMIT } = readConfig({ RATE_LIMIT: "0", ...settings });
  const app = createApp({ ...api.served, config: { ...api.deps.config, TRUSTED_PROXIES, RATE_LIMIT } });
  return async (path: string, headers: Record<string, string>, body?: object) => {
    const init = { method: body ? "POST" : "GET", headers: { ...headers, "content-type": "application/json" } };
    const response = await app.request(
      path,
      { ...init, ...(body && { body: JSON.stringify(body) }) },
      { requestContext: { http: { sourceIp: proxy } } },
    );
    return { status: response.status, body: JSON.parse(await response.text()) };
  };
}

const trusting = { TRUSTED_PROXIES: proxy };

test("allowedIps applies to the client behind a trusted proxy, and to the proxy otherwise", async () => {
  const limits = { userId: user.id, name: "office", permissions: ["read" as const] };
  const { key } = await createApiKey(api.deps, { ...limits, ipRanges: [`${client}/32`] });
  const as = (forwardedFor: string) => ({ "x-api-key": key, "x-forwarded-for": forwardedFor });
  const trusted = behindProxy(trusting);
  expect((await trusted("/api/auth/me", as(client))).status).toBe(200);
  expect(await trusted("/api/auth/me", as(`${client}, 198.51.100.9`))).toMatchObject({
    status: 403,
    body: { code: "ip_not_allowed", detail: expect.not.stringContaining("TRUSTED_PROXIES") },
  });
  const refused = await behindProxy()("/api/auth/me", as(client));
  expect(refused).toMatchObject({ status: 403, body: { code: "ip_not_allowed" } });
  expect(refused.body.detail).toContain("TRUSTED_PROXIES");
});

test("the rate limit counts the clients of a trusted proxy apart, and those of another proxy together", async () => {
  const from = (ip: string) => ({ "x-forwarded-for": ip });
  const ping = "/api/observability/ping";
  const trusted = behindProxy({ ...trusting, RATE_LIMIT: "1" });
  const statuses = async (send: typeof trusted) => [
    (await send(ping, from(client))).status,
    (await send(ping, from("203.0.113.6"))).status,
    (await send(ping, from(client))).status,
  ];
  expect(await statuses(trusted)).toEqual([200, 200, 429]);
  await api.db.sql`delete from rate_windows`;
  const untrusted = behindProxy({ RATE_LIMIT: "1" });
  expect(await statuses(untrusted)).toEqual([200, 429, 429]);
  expect((await untrusted(ping, from(client))).body.details).toContain("TRUSTED_PROXIES");
  expect((await untrusted(ping, {})).body.details).not.toContain("TRUSTED_PROXIES");
});

test("failed logins count for the client behind a trusted proxy", async () => {
  const send = behindProxy(trusting);
  const guess = (ip: string) =>
    send("/api/auth/login", { "x-forwarded-for": ip }, { email: `${crypto.randomUUID()}@example.com`, password: "x" });
  await Promise.all(Array.from({ length: 20 }, () => guess(client)));
  expect((await guess(client)).status).toBe(429);
  expect((await guess("203.0.113.6")).status).toBe(401);
});

test("an address that does not count is logged once, with the name of the setting", async () => {
  const lines = () => api.logged().filter((line) => line.includes("TRUSTED_PROXIES")).length;
  const before = lines();
  const send = behindProxy();
  for (const ip of [client, client, "203.0.113.6"]) await send("/api/observability/ping", { "x-forwarded-for": ip });
  expect(lines()).toBe(before + 1);
  // API Gateway appends the address of the connection itself.
  await behindProxy()("/api/observability/ping", { "x-forwarded-for": proxy });
  expect(lines()).toBe(before + 1);
});

test("health is not counted for the rate limit", async () => {
  const send = behindProxy({ RATE_LIMIT: "1" });
  for (let i = 0; i < 3; i++) expect((await send("/api/observability/health", {})).status).not.toBe(429);
  expect((await send("/api/observability/ping", {})).status).toBe(200);
});
