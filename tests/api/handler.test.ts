import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { AppError } from "../../core/error.ts";
import { acquireLease, reportHost } from "../../core/shard/lease.ts";
import { createApp, createErrorApp } from "../../functions/api/app.ts";
import { openApp } from "../../functions/api/runtime.ts";
import { type ApiGateway, startApiGateway } from "../../local/lambda/api-gateway.ts";
import { type Ask, password, startApi, type TestApi } from "../support/api/api.ts";

let api: TestApi;
let folder: string;
let gateway: ApiGateway;
beforeAll(async () => {
  api = await startApi();
  folder = await mkdtemp(join(tmpdir(), "switchboard-handler-"));
  const masterKey = join(folder, "master.key");
  await writeFile(masterKey, Buffer.alloc(32, 7), { mode: 0o600 });
  vi.stubEnv("DATABASE_URL", api.databaseUrl);
  vi.stubEnv("SQS_ENDPOINT", api.sqsEndpoint);
  vi.stubEnv("MASTER_KEY_FILE", masterKey);
  vi.stubEnv("SHARDS", "2");
  vi.stubEnv("LOG_LEVEL", "silent");
  const { handler } = await import("../../functions/api/index.ts");
  gateway = await startApiGateway({ handler, port: 0 });
}, 60_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await gateway?.stop();
  await rm(folder, { recursive: true, force: true });
  await api?.stop();
});

test("the Lambda handler initializes lazily, retries after a failure, and serves requests with one database connection", async () => {
  const masterKey = process.env.MASTER_KEY_FILE;
  vi.stubEnv("MASTER_KEY_FILE", `${masterKey}.missing`);
  const failed = await fetch(`${gateway.url}/api/observability/ping`);
  expect({ status: failed.status, body: await failed.json() }).toMatchObject({
    status: 503,
    body: { code: "unavailable" },
  });
  vi.stubEnv("MASTER_KEY_FILE", masterKey);

  const { key } = await api.user();
  const headers = { "x-api-key": key, "content-type": "application/json" };
  const send = async (path: string, body?: object) => {
    const init = body ? { method: "POST", body: JSON.stringify(body) } : {};
    const response = await fetch(gateway.url + path, { headers, ...init });
    return (await response.json()) as { id: string };
  };
  const { id } = await send("/api/instances", { name: "Over Lambda" });
  await api.setState(id, "connected");
  const sent = await Promise.all(
    ["one", "two", "three"].map((message) => send(`/api/whatsapp/${id}/send`, { phone: "79001234567", message })),
  );
  expect(new Set(sent.map((one) => one.id)).size).toBe(3);
  expect(await api.queued(id)).toHaveLength(4);
  const pong = await fetch(`${gateway.url}/api/observability/ping`, { headers });
  expect([pong.status, pong.headers.get("ratelimit-limit"), pong.headers.get("ratelimit-remaining")]).toEqual([
    ...[200, "100", "99"],
  ]);
  const [pool] = await api.db.sql<{ count: number }[]>`
    select count(*)::int as count from pg_stat_activity where application_name = 'switchboard-api'`;
  expect(pool?.count).toBe(1);
});

test("with the wrong master key, requests that need no secret are served and all other requests get 503", async () => {
  const { key, email } = await api.user({ password: "correct horse" });
  const masterKey = join(folder, "other.key");
  await writeFile(masterKey, Buffer.alloc(32, 8), { mode: 0o600 });
  const app = await openApp({ ...process.env, MASTER_KEY_FILE: masterKey });
  const send = async (path: string, init: RequestInit = {}) => {
    const headers = { "x-api-key": key, "content-type": "application/json" };
    const answer = await app.request(path, { headers, ...init });
    return { status: answer.status, body: await answer.json() };
  };
  expect((await send("/api/instances")).status).toBe(200);
  const credentials = { method: "POST", body: JSON.stringify({ email, password: "correct horse" }) };
  const refused = await send("/api/auth/login", credentials);
  expect(refused).toMatchObject({ status: 503, body: { code: "unavailable" } });
  expect(JSON.stringify(refused.body)).not.toContain("decrypt");
});

const health = (ask: Ask = {}) => api.request("GET", "/api/observability/health", ask);

/** Reports a live session host. */
const report = (id: string, draining = false) =>
  reportHost(api.db, { id, startedAt: new Date(), draining, version: "1", cpuMs: 1, rssBytes: 1 }, 8_000);

test("health reports the state of the database, the queues and the hosts to an admin", async () => {
  const { key } = await api.user({ role: "admin" });
  const asAdmin = () => health({ key });
  const unserved = await asAdmin();
  expect(unserved).toMatchObject({
    status: 503,
    body: {
      ...{ success: false, code: "unavailable", details: "0 of 2 shards served, by 0 live hosts" },
      data: {
        ...{ status: "unhealthy", database: { status: "connected" }, queues: { status: "connected" } },
        ...{ hosts: { total: 0, alive: 0, draining: 0 }, shards: { total: 2, held: 0 } },
      },
    },
  });
  await Promise.all([report("one"), report("two", true), report("dead")]);
  for (const [shard, host] of ["one", "dead"].entries()) await acquireLease(api.db, host, shard, 60_000);
  await api.db.sql`update hosts set seen_at = now() - interval '10 s' where id = 'dead'`;
  // The lease of a dead host doesn't count, even if it has not expired.
  expect(await asAdmin()).toMatchObject({ status: 503, body: { details: "1 of 2 shards served, by 2 live hosts" } });
  await api.db.sql`update shards set host = 'one'`;
  const healthy = await asAdmin();
  expect(healthy.status).toBe(200);
  // The documented fields come first.
  const documented = ["status", "uptime", "memory", "database", "instances"];
  expect(Object.keys(healthy.body.data)).toEqual([...documented, "queues", "hosts", "shards"]);
  expect(healthy.body.data).toMatchObject({
    status: "healthy",
    database: { status: "connected" },
    instances: { total: 1, active: 1 },
    queues: { status: "connected" },
    hosts: { total: 3, alive: 2, draining: 1 },
    shards: { total: 2, held: 2 },
  });
  expect(healthy.body.data.memory.rss).toMatch(/^\d+\.\d{2} MB$/);
  expect(healthy.body.data.uptime.formatted).toMatch(/^\d+h \d+m \d+s$/);
  const depth = vi.spyOn(api.deps.queues, "depth").mockRejectedValueOnce(new Error("the queues are unavailable"));
  const sick = await asAdmin();
  depth.mockRestore();
  expect(sick).toMatchObject({
    status: 503,
    body: {
      ...{ success: false, code: "unavailable", details: "queues not reachable" },
      data: { database: { status: "connected" }, queues: { status: "disconnected" } },
    },
  });
});

test("health tells callers who are not admins only whether the gateway is healthy", async () => {
  const [{ key: admin }, { key }] = await Promise.all([api.user({ role: "admin" }), api.user()]);
  const asks: Ask[] = [{}, { key }, { key: "wrong" }, { token: "wrong" }];
  const shown = { status: "healthy", database: { status: "connected" }, queues: { status: "connected" } };
  await report("one");
  for (const ask of asks) expect((await health(ask)).body.data).toEqual(shown);
  await api.db.sql`update hosts set seen_at = now() - interval '10 s'`;
  for (const ask of asks) {
    const { status, body } = await health(ask);
    expect(status).toBe(503);
    expect(body.data).toEqual({ status: "unhealthy" });
    expect(JSON.stringify(body)).not.toMatch(/hosts|shards/);
  }
  expect((await health({ key: admin })).body.data.shards).toEqual({ total: 2, held: 0 });
  const open = createApp({ ...api.served, config: { ...api.deps.config, HEALTH_DETAILS: "public" } });
  await report("one");
  const answer = await open.request("/api/observability/health");
  const { data } = (await answer.json()) as { data: object };
  expect(data).toMatchObject({ memory: {}, instances: {}, hosts: {}, shards: { held: 2 } });
});

test("concurrent requests for the health share one check", async () => {
  const depth = vi.spyOn(api.deps.queues, "depth");
  const answers = await Promise.all(Array.from({ length: 20 }, () => health()));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(depth.mock.calls.length).toBeLessThan(20);
  depth.mockRestore();
});

test("every response has the security headers", async () => {
  const { key, email } = await api.user({ password });
  const answers = await Promise.all([
    api.request("POST", "/api/auth/login", { body: { email, password } }),
    api.request("POST", "/api/auth/login", { body: { email, password: "wrong" } }),
    api.request("GET", "/api/auth/me", { key }),
    api.request("POST", "/api/auth/rotate-key", { key }),
    api.request("GET", "/api/nothing"),
    api.request("DELETE", "/api/instances"),
    api.request("POST", "/api/instances", { key, body: "{" }),
    health(),
    { headers: (await fetch(`${api.url}/openapi.json`)).headers },
    { headers: (await createErrorApp(new AppError("unavailable")).request("/api/auth/me")).headers },
  ]);
  for (const { headers } of answers) {
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'");
  }
});

test("the API returns `unavailable` without its database, and recovers when the database is back", async () => {
  const { key } = await api.user({ role: "admin" });
  const list = () => api.request("GET", "/api/instances", { key });
  expect((await list()).status).toBe(200);
  await api.stopPostgres();
  expect(await list()).toMatchObject({ status: 503, body: { code: "unavailable" } });
  expect(await health({ key })).toMatchObject({ status: 503, body: { data: { status: "unhealthy" } } });
  await api.startPostgres();
  expect((await list()).status).toBe(200);
});
