import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readConfig } from "../../core/config.ts";
import { acquireLease, reportHost } from "../../core/shard/lease.ts";
import { createApp } from "../../functions/api/app.ts";
import packageJson from "../../package.json" with { type: "json" };
import { startApi, type TestApi } from "../support/api/api.ts";

let api: TestApi;
let key: string;
let admin: string;
beforeAll(async () => {
  api = await startApi();
  [{ key }, { key: admin }] = await Promise.all([api.user(), api.user({ role: "admin" })]);
}, 60_000);
afterAll(() => api?.stop());

const get = (path: string, as = key) => api.request("GET", `/api/observability/${path}`, { key: as });

/** Returns the response of an API that was started with this environment. */
async function getWith(env: Record<string, string>, path: string): Promise<string> {
  const app = createApp({ ...api.served, config: readConfig(env) });
  const answer = await app.request(`/api/observability/${path}`, { headers: { "x-api-key": admin } });
  expect(answer.status).toBe(200);
  return answer.text();
}

test("the version endpoint reports the program, Node.js and the installed Baileys", async () => {
  const { default: baileys } = await import("@whiskeysockets/baileys/package.json", { with: { type: "json" } });
  expect((await get("version")).body).toEqual({
    success: true,
    data: { version: packageJson.version, node: process.versions.node, baileys: baileys.version, commit: null },
  });
  const commit = "ddea608c0ffee";
  expect(JSON.parse(await getWith({ COMMIT: commit }, "version")).data.commit).toBe(commit);
});

test("the environment endpoint shows an admin the configuration without secrets", async () => {
  expect(await get("environment")).toMatchObject({ status: 403, body: { code: "forbidden" } });
  expect((await get("environment", admin)).body.data).toMatchObject({
    ...{ nodeEnv: "test", region: "us-east-1", shards: 2, queuePrefix: "switchboard", logLevel: "info" },
    ...{ kms: false, ownQueues: true, ownStorage: true, ownWhatsApp: false, egressAllowed: 0 },
  });
  const secrets = {
    DATABASE_URL: "postgres://dbuser:dbsecret@db.internal/sb",
    SQS_ENDPOINT: "https://sqsuser:sqssecret@sqs.internal",
    S3_ENDPOINT: "https://s3user:s3secret@s3.internal",
    AWS_ACCESS_KEY_ID: "AKIASECRET",
    AWS_SECRET_ACCESS_KEY: "awssecret",
    BUCKET: "bucket-of-ours",
    KMS_KEY_ID: "arn:aws:kms:key/secret",
    MASTER_KEY_FILE: "/secret/master.key",
    HOST: "host.internal",
    DATA_DIR: "/secret/data",
    ADMIN_EMAIL: "boss@internal.example",
    ADMIN_PASSWORD: "adminsecret",
    EGRESS_ALLOW: "10.11.0.0/16",
    WHATSAPP_URL: "wss://wa.internal/secret",
    WHATSAPP_ROOT_KEY: "ab".repeat(32),
    WHATSAPP_MEDIA_CA: "/secret/ca.pem",
  };
  for (const [name, value] of Object.entries({ ...secrets, OTHER_TOKEN: "othersecret" })) vi.stubEnv(name, value);
  const shown = await getWith({ ...secrets, AWS_REGION: "eu-west-1", QUEUE_PREFIX: "ours" }, "environment");
  vi.unstubAllEnvs();
  expect(JSON.parse(shown).data).toMatchObject({
    ...{ region: "eu-west-1", queuePrefix: "ours", kms: true, ownWhatsApp: true, egressAllowed: 1 },
  });
  for (const value of Object.values(secrets)) expect(shown).not.toContain(value);
  expect(shown).not.toMatch(/secret|internal|10\.11/i);
});

test("the status endpoint reports hosts with their shards, queues and instances", async () => {
  const mine = await api.instance(key, "connected");
  await api.instance(admin, "logged_out");
  const startedAt = new Date(Date.now() - 3_661_000);
  const host = { startedAt, draining: false, version: "1.2.3", cpuMs: 36_610, rssBytes: 100 * 1024 * 1024 };
  await reportHost(api.db, { ...host, id: "one" }, 8_000);
  await reportHost(api.db, { ...host, id: "two", startedAt: new Date(), draining: true }, 8_000);
  await api.db.sql`update hosts set seen_at = now() - interval '10 s' where id = 'two'`;
  await acquireLease(api.db, "one", 1, 60_000);
  const [{ shard } = { shard: 0 }] = await api.db.sql<{ shard: number }[]>`
    select shard from instances where id = ${mine}`;
  const { data } = (await get("status", admin)).body;
  expect(data).toMatchObject({
    version: packageJson.version,
    cpu: {
      cores: expect.any(Number),
      percent: expect.any(Number),
      loadAverage: [expect.any(Number), expect.any(Number), expect.any(Number)],
    },
    memory: { rss: expect.stringMatching(/^\d+\.\d{2} MB$/), systemTotal: expect.stringMatching(/ MB$/) },
    database: { status: "connected", latencyMs: expect.any(Number) },
    // Each instance has one command, which starts its session.
    queues: { status: "connected", events: { waiting: 0, inFlight: 0, dead: 0 }, commands: { waiting: 2, dead: 0 } },
    shards: { total: 2, held: 1 },
    hosts: [
      {
        ...{ id: "one", version: "1.2.3", alive: true, draining: false, shards: [1] },
        ...{ startedAt: startedAt.toISOString(), memory: { rss: "100.00 MB" }, cpu: { seconds: 36.61 } },
      },
      { id: "two", alive: false, draining: true, shards: [] },
    ],
    instances: { total: 2, active: 1, byStatus: { connected: 1, logged_out: 1, qr: 0 }, pagination: { total: 2 } },
  });
  expect(data.hosts[0].cpu.percent).toBeCloseTo(1, 1);
  expect(data.hosts[0].uptime.formatted).toMatch(/^1h 1m \d+s$/);
  const [, own] = data.instances.list;
  expect(own).toMatchObject({ id: mine, status: "connected", shard, host: shard === 1 ? "one" : null });
  expect(own).toMatchObject({ commandsWaiting: 1, webhooksWaiting: 0 });
  expect((await get("status?limit=1&skip=1", admin)).body.data.instances.list).toMatchObject([{ id: mine }]);
  expect(await get("status?limit=0", admin)).toMatchObject({ status: 400 });
});

test("a user who is not an admin sees only totals of their own instances, and no host", async () => {
  const stranger = (await api.user()).key;
  const { data } = (await get("status", stranger)).body;
  const { instances } = data;
  expect(instances).toMatchObject({ total: 0, active: 0 });
  expect(instances).not.toHaveProperty("list");
  for (const field of ["hosts", "cpu", "memory"]) expect(data).not.toHaveProperty(field);
});

test("unreachable queues are reported, and every endpoint requires credentials", async () => {
  const depth = vi.spyOn(api.deps.queues, "depth").mockRejectedValue(new Error("the queues are unavailable"));
  const { body } = await get("status");
  depth.mockRestore();
  expect(body.data.queues).toEqual({ status: "disconnected", events: null, commands: null });
  for (const path of ["version", "environment", "status"]) {
    expect((await api.request("GET", `/api/observability/${path}`)).status).toBe(401);
  }
});
