import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { prune } from "../../../core/db/prune.ts";
import { createTokens } from "../../../core/user/index.ts";
import { createApp } from "../../../functions/api/app.ts";
import { startApi, type TestApi } from "../../support/api/api.ts";
import { gateway, multiInstance } from "../../support/endpoint/dialect-tables.ts";

let api: TestApi;
let key: string;
beforeAll(async () => {
  api = await startApi();
  ({ key } = await api.user());
}, 60_000);
afterAll(() => api?.stop());
beforeEach(async () => void (await api.db.sql`delete from rate_windows`));

interface RequestOptions {
  ip?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** A clock that only the test advances, so that a slow machine doesn't change the result. */
const clock = {
  at: Date.now(),
  now: () => new Date(clock.at),
  advance: (ms: number) => {
    clock.at += ms;
  },
};

/** Starts one of several processes that serve the API. Returns a function that sends a request to this process as API Gateway does. */
function limitedTo(RATE_LIMIT: number) {
  const app = createApp({ ...api.served, clock, config: { ...api.deps.config, RATE_LIMIT } });
  return async (path: string, { ip = "203.0.113.1", ...init }: RequestOptions = {}) => {
    const response = await app.request(path, init, { requestContext: { http: { sourceIp: ip } } });
    const { headers, status } = response;
    const [limit, remaining, reset] = ["limit", "remaining", "reset"].map((name) => headers.get(`ratelimit-${name}`));
    return { status, headers, limit, remaining, reset, text: await response.text() };
  };
}

const ping = "/api/observability/ping";
const list = "/api/instance";
const minutes = 60_000;
const withKey = (headers: Record<string, string> = {}) => ({ headers: { "x-api-key": key, ...headers } });

test("the limit lasts 15 minutes from the first request, and rejected requests do not extend it", async () => {
  const send = limitedTo(2);
  expect(await send(ping)).toMatchObject({ status: 200, limit: "2", remaining: "1", reset: "900" });
  clock.advance(10 * minutes);
  expect(await send(ping)).toMatchObject({ status: 200, remaining: "0", reset: "300" });
  for (const other of [send, limitedTo(2)]) {
    for (let again = 0; again < 3; again++) {
      const refused = await other(ping);
      expect(refused).toMatchObject({ status: 429, limit: "2", remaining: "0", reset: "300" });
      expect(refused.headers.get("retry-after")).toBe("300");
      expect(JSON.parse(refused.text)).toEqual({
        success: false,
        error: "Too many requests, please try again later",
        details: "at most 2 requests in 15 minutes: try again in 300 s",
        code: "rate_limited",
        retryAfter: 300,
      });
    }
  }
  clock.advance(5 * minutes);
  expect(await send(ping)).toMatchObject({ status: 200, remaining: "1", reset: "900" });
});

test("of concurrent requests to several processes, exactly the limit is served", async () => {
  const processes = [limitedTo(30), limitedTo(30)];
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => processes[i % 2]?.(list, withKey())));
  const passed = answers.filter((answer) => answer?.status === 200);
  expect(passed).toHaveLength(30);
  expect(answers.filter((answer) => answer?.status === 429)).toHaveLength(70);
  expect(passed.map((answer) => Number(answer?.remaining)).sort((a, b) => a - b)).toEqual([...Array(30).keys()]);
});

test("every response of the Gateway API has the remaining number of requests", async () => {
  const send = limitedTo(100);
  const json = { "content-type": "application/json" };
  const requests: [status: number, path: string, options?: RequestOptions][] = [
    [200, ping],
    [200, list, withKey()],
    [401, list],
    [401, list, { headers: { "x-api-key": "guessed" } }],
    [403, "/api/observability/environment", withKey()],
    [404, "/api/message/nothing", withKey()],
    [404, "/api/instance/00000000-0000-7000-8000-000000000000/status", withKey()],
    [405, list, { method: "DELETE" }],
    [400, "/api/message/send/text", { method: "POST", body: "{", ...withKey(json) }],
    [400, "/api/instance/create", { method: "POST", body: "{}", ...withKey(json) }],
    [413, "/api/message/send/text", { method: "POST", body: "x", headers: { "content-length": "7000000" } }],
  ];
  for (const [index, [status, path, options]] of requests.entries()) {
    const left = String(99 - index);
    expect(await send(path, options), path).toMatchObject({ status, limit: "100", remaining: left, reset: "900" });
  }
});

test("the response has the remaining number of requests even if the request fails while the request is being counted", async () => {
  const send = limitedTo(10);
  const [locked, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const lock = api.db.sql.begin(async (sql) => {
    await sql`lock table rate_windows in exclusive mode`;
    locked.resolve();
    await release.promise;
  });
  await locked.promise;
  const response = send("/api/instance/00000000-0000-7000-8000-000000000000/status", withKey());
  expect(await Promise.race([response, sleep(500, "waits for the count")])).toBe("waits for the count");
  release.resolve();
  await lock;
  expect(await response).toMatchObject({ status: 404, limit: "10", remaining: "9" });
});

test("a response with status 500 has the remaining number of requests", async () => {
  const [endpoint] = gateway.endpoints.filter(({ path }) => path === ping);
  if (!endpoint) throw new Error("there is no ping endpoint");
  const run = vi.spyOn(endpoint, "run").mockRejectedValue(new Error("broken"));
  expect(await limitedTo(10)(ping)).toMatchObject({ status: 500, limit: "10", remaining: "9" });
  run.mockRestore();
});

test("an address and a user are counted separately, and the response has the lower remaining number", async () => {
  const send = limitedTo(3);
  expect(await send(list, { ip: "203.0.113.1", ...withKey() })).toMatchObject({ status: 200, remaining: "2" });
  expect(await send(list, { ip: "203.0.113.2", ...withKey() })).toMatchObject({ status: 200, remaining: "1" });
  expect(await send(list, { ip: "203.0.113.3", ...withKey() })).toMatchObject({ status: 200, remaining: "0" });
  expect(await send(list, { ip: "203.0.113.4", ...withKey() })).toMatchObject({ status: 429, remaining: "0" });
  expect(await send(ping, { ip: "203.0.113.1" })).toMatchObject({ status: 200, remaining: "1" });
  const other = await api.user();
  const asOther = { headers: { "x-api-key": other.key } };
  expect(await send(list, { ip: "203.0.113.1", ...asOther })).toMatchObject({ status: 200, remaining: "0" });
  // A token counts toward the limit of its user.
  const headers = { authorization: `Bearer ${await createTokens({ ...api.deps, clock }).issue(api.vault, other.id)}` };
  expect(await send(list, { ip: "203.0.113.5", headers })).toMatchObject({ status: 200, remaining: "2" });
  expect(await send(list, { ip: "203.0.113.6", headers })).toMatchObject({ status: 200, remaining: "1" });
});

test("guesses of a key use up the limit of the address, which then also applies to a request with the right key", async () => {
  const send = limitedTo(3);
  const guess = { headers: { "x-api-key": "00000000-0000-4000-8000-000000000000" } };
  for (const status of [401, 401, 401]) expect(await send(list, guess)).toMatchObject({ status });
  // New processes don't know yet that the address has used up its limit.
  const [wrong, right] = [await limitedTo(3)(list, guess), await limitedTo(3)(list, withKey())];
  expect([wrong.status, right.status]).toEqual([429, 429]);
  const headerNames = ({ headers }: typeof wrong) => [...headers.keys()].sort();
  expect(headerNames(wrong)).toEqual(headerNames(right));
  expect(await send(list, { ip: "198.51.100.7", ...withKey() })).toMatchObject({ status: 200 });
});

test("an IPv6 client is identified by its /64, and no header changes a caller's address", async () => {
  const send = limitedTo(2);
  const ips = ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:2::3", "2001:db8:1:3::1", "::ffff:203.0.113.8"];
  const statuses: number[] = [];
  for (const ip of ips) statuses.push((await send(ping, { ip })).status);
  expect(statuses).toEqual([200, 200, 429, 200, 200]);
  const forged = { "x-forwarded-for": "198.51.100.1", forwarded: "for=198.51.100.1", "x-real-ip": "198.51.100.1" };
  expect(await send(ping, { ip: "203.0.113.8", headers: forged })).toMatchObject({ status: 200, remaining: "0" });
  expect(await send(ping, { ip: "203.0.113.8", headers: forged })).toMatchObject({ status: 429 });
});

test("a limit of 0 disables the limit, and the Multi-Instance API is never limited", async () => {
  const none = limitedTo(0);
  for (let i = 0; i < 3; i++) expect(await none(ping)).toMatchObject({ status: 200, limit: null });
  const one = limitedTo(1);
  for (const path of ["/api/instances", "/openapi.json", "/nowhere"]) {
    for (let i = 0; i < 2; i++) {
      const { status, limit } = await one(path, withKey());
      expect({ path, limited: status === 429, limit }).toEqual({ path, limited: false, limit: null });
    }
  }
  expect(await api.db.sql`select * from rate_windows`).toHaveLength(0);
  for (const { path } of gateway.endpoints) expect(gateway.owns(path), path).toBe(true);
  expect(multiInstance.limited).toBe(false);
});

test("a request that can't be counted is served without a limit and logged", async () => {
  await api.db.sql`alter table rate_windows rename to away`;
  const send = limitedTo(1);
  for (let i = 0; i < 2; i++) expect(await send(list, withKey())).toMatchObject({ status: 200, limit: null });
  await api.db.sql`alter table away rename to rate_windows`;
  expect(api.logged().filter((line) => line.includes("can't count a request, so it is not limited"))).toHaveLength(2);
});

test("expired windows are removed", async () => {
  const send = limitedTo(5);
  await send(ping);
  clock.advance(17 * minutes);
  await send(ping, { ip: "203.0.113.2" });
  await prune({ ...api.deps, clock }, 5_000);
  expect((await api.db.sql`select subject from rate_windows`).map(({ subject }) => subject)).toEqual([
    "ip:203.0.113.2",
  ]);
});
