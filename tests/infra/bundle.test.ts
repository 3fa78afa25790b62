import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../core/config.ts";
import { openDatabase } from "../../core/db/index.ts";
import { metricCatalog } from "../../core/metric/name.ts";
import { createQueues, openQueues } from "../../core/queue/index.ts";
import { openStorage } from "../../core/storage/index.ts";
import { type LocalAws, startAws } from "../../local/aws/index.ts";
import { type LocalPostgres, startPostgres } from "../../local/postgres/index.ts";
import sizes from "../fixtures/bundle-sizes.json" with { type: "json" };
import { type Bundle, bundleHandler } from "./cli.ts";
import { startFunction } from "./runtime-interface.ts";

const root = process.cwd();
const handlers = Object.keys(sizes) as (keyof typeof sizes)[];
let folder: string;
let postgres: LocalPostgres;
let aws: LocalAws;
let environment: Record<string, string>;
const bundles = new Map<string, Bundle>();
/** The bundling options. They equal the configuration, as config.test.ts checks. */
const properties = { minify: true, splitting: true };
let key: string;
/** Milliseconds from the start of the process to its first request for an event. */
const starts = new Map<string, number[]>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-bundle-"));
  [postgres, aws] = await Promise.all([
    startPostgres({ dataDir: join(folder, "postgres") }),
    startAws({ dataDir: join(folder, "aws") }),
  ]);
  const masterKey = join(folder, "master.key");
  await writeFile(masterKey, Buffer.alloc(32, 7), { mode: 0o600 });
  environment = {
    DATABASE_URL: postgres.url,
    SQS_ENDPOINT: aws.endpoint,
    S3_ENDPOINT: aws.endpoint,
    AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    MASTER_KEY_FILE: masterKey,
    SHARDS: "2",
  };
  const config = readConfig(environment);
  const queues = openQueues(config);
  await createQueues(queues, config);
  queues.client.destroy();
  await openStorage(config).createBucket();
  await Promise.all(
    handlers.map(async (handler) => {
      const copyFiles = handler.includes("migrate")
        ? [{ from: "core/db/migrations", to: "functions/migrate/migrations" }]
        : [];
      const out = join(folder, handler);
      bundles.set(handler, await bundleHandler(root, out, { handler, runtime: "nodejs24.x", properties, copyFiles }));
    }),
  );
  const admin = { ADMIN_EMAIL: "admin@example.com", ADMIN_PASSWORD: "correct horse" };
  await run("functions/migrate/index.handler", {}, admin);
  const login = { email: admin.ADMIN_EMAIL, password: admin.ADMIN_PASSWORD };
  const { answer } = await run("functions/api/index.handler", request("POST", "/api/auth/login", login));
  key = JSON.parse((answer as { body: string }).body).user.apiKey;
});
afterAll(async () => {
  await Promise.all([postgres?.stop(), aws?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

async function run(handler: string, event: unknown, extraEnv: Record<string, string> = {}) {
  const { file } = bundles.get(handler) as Bundle;
  const fn = await startFunction(file, { ...environment, ...extraEnv });
  const outcome = await fn.invoke(event).finally(() => fn.stop());
  const { ready } = fn.times();
  starts.set(handler, [...(starts.get(handler) ?? []), ready]);
  return { ...outcome, ...fn.times(), printed: fn.printed() };
}

const request = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => ({
  version: "2.0",
  routeKey: "$default",
  rawPath: path,
  rawQueryString: "",
  headers: {
    host: "api.example.com",
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...headers,
  },
  requestContext: {
    http: { method, path, protocol: "HTTP/1.1", sourceIp: "192.0.2.1", userAgent: "" },
    requestId: "request",
    stage: "$default",
    timeEpoch: 0,
  },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  isBase64Encoded: false,
});

test("the migration bundle fails, and leaves the contract migrations for later, while a host of another version runs", async () => {
  const { file } = bundles.get("functions/migrate/index.handler") as Bundle;
  const fn = await startFunction(file, environment);
  const db = openDatabase(postgres.url, { max: 1 });
  try {
    await db.sql`insert into hosts (id, started_at, seen_at, version) values ('old', now(), now() + interval '1 hour', '0')`;
    const failed = await fn.invoke({ contract: true }, 5_000);
    expect(failed).toMatchObject({ error: { errorType: "MigrationUnfinished" } });
    await db.sql`delete from hosts where id = 'old'`;
    expect(await fn.invoke({ contract: true })).toEqual({ answer: { finished: true } });
    expect(await db.sql`select from pg_indexes where indexname = 'commands_queued'`).toHaveLength(0);
  } finally {
    await Promise.all([db.close(), fn.stop()]);
  }
});

test("the API bundle handles API Gateway events", async () => {
  const ping = await run("functions/api/index.handler", request("GET", "/api/observability/ping"));
  expect(ping.answer).toMatchObject({ statusCode: 200, body: expect.stringContaining("pong") });
  const login = await run(
    "functions/api/index.handler",
    request("POST", "/api/auth/login", { email: "nobody@example.com", password: "password" }),
  );
  expect(login.answer).toMatchObject({ statusCode: 401 });
});

test("the stream bundle streams events and ends a stream before the function's timeout", async () => {
  const { file } = bundles.get("functions/api/stream.handler") as Bundle;
  const fn = await startFunction(file, environment);
  const get = (path: string, headers: Record<string, string>) =>
    fn.invoke(request("GET", path, undefined, headers), 6_000).then(({ answer }) => answer);
  try {
    expect(await get("/api/events/stream", { "x-api-key": key })).toMatchObject({
      statusCode: 200,
      headers: { "content-type": "text/event-stream; charset=utf-8" },
      body: expect.stringMatching(/^retry: 2000\n\n[\s\S]*event: closing\ndata: {"reason":"time_limit"}\n\n$/),
    });
    expect(await get("/api/events/stream", {})).toMatchObject({ statusCode: 401 });
    expect(await get("/api/instances", { "x-api-key": key })).toMatchObject({ statusCode: 404 });
  } finally {
    await fn.stop();
  }
});

test("the webhook bundle handles an SQS batch and reports the failed records", async () => {
  const record = (messageId: string, body: string) => ({
    messageId,
    body,
    receiptHandle: messageId,
    attributes: { MessageGroupId: "one", ApproximateReceiveCount: "1" },
    messageAttributes: {},
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:switchboard-event.fifo",
  });
  const { answer } = await run("functions/webhook/index.handler", { Records: [record("a", "no JSON")] });
  expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: "a" }] });
});

test("the ingress bundle does not retry a message that is not a command", async () => {
  const record = {
    messageId: "b",
    body: "no JSON",
    receiptHandle: "b",
    attributes: { MessageGroupId: "one", ApproximateReceiveCount: "1", SenderId: "AIDATEST" },
    messageAttributes: {},
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:switchboard-command-ingress.fifo",
  };
  const { answer } = await run("functions/ingress/index.handler", { Records: [record] });
  expect(answer).toEqual({ batchItemFailures: [] });
});

test("the cron bundle runs and prints one CloudWatch line with every fleet metric", async () => {
  const { answer, printed } = await run("functions/cron/index.handler", {}, { METRICS: "emf" });
  expect(answer).toBeNull();
  const metricLines = printed.split("\n").filter((line) => line.startsWith('{"_aws"'));
  const gauges = Object.entries(metricCatalog).flatMap(([name, declared]) =>
    "of" in declared && declared.of === "fleet" ? [name] : [],
  );
  expect(metricLines).toHaveLength(1);
  const { _aws, Stage, ...values } = JSON.parse(metricLines[0] ?? "{}");
  expect(Stage).toBe("switchboard");
  expect(Object.keys(values)).toEqual(expect.arrayContaining(gauges));
  expect(_aws.CloudWatchMetrics[0].Metrics.map((one: { Name: string }) => one.Name)).toEqual(Object.keys(values));
});

test("cold starts of the API and of a bare Hono handler succeed, and their times are printed", async () => {
  const bare = "tests/infra/bare.handler";
  bundles.set(
    bare,
    await bundleHandler(root, join(folder, "bare"), { handler: bare, runtime: "nodejs24.x", properties }),
  );
  const api = "functions/api/index.handler";
  const credentials = { "x-api-key": key };
  const created = await run(api, request("POST", "/api/instances", { name: "Cold" }, credentials));
  const { id } = JSON.parse((created.answer as { body: string }).body);
  const db = openDatabase(postgres.url, { max: 1 });
  await db.sql`update instances set status = 'connected', linked_at = now()`;
  await db.close();
  const cold: [what: string, handler: string, event: unknown, status: number][] = [
    ["bare Hono", bare, request("GET", "/"), 200],
    ["the API, for a ping", api, request("GET", "/api/observability/ping"), 200],
    ["the API, for a list of instances", api, request("GET", "/api/instances", undefined, credentials), 200],
    ["the API, for a request without credentials", api, request("GET", "/api/instances"), 401],
    [
      "the API, for a text to send",
      api,
      request("POST", `/api/whatsapp/${id}/send`, { phone: "4915550000001", message: "hello" }, credentials),
      200,
    ],
  ];
  const rows = [];
  for (const [what, handler, event, status] of cold) {
    const runs = [];
    for (let time = 0; time < 7; time++) {
      const outcome = await run(handler, event);
      expect(outcome.answer).toMatchObject({ statusCode: status });
      runs.push(outcome);
    }
    rows.push({
      what,
      "ready, ms": median(runs.map((one) => one.ready)),
      "answered, ms": median(runs.map((one) => one.answered)),
    });
  }
  console.table(rows);
});

test.each([
  "gateway/observability",
  "gateway/webhook",
  "multi-instance/auth",
  "multi-instance/users",
  "multi-instance/keys",
  "multi-instance/stats",
  "multi-instance/webhooks",
])("a first request to %s does not load the declarations of all commands", (family) => {
  const loaded = bundles.get("functions/api/index.handler")?.loadedBy(`functions/api/dialects/${family}.ts`);
  expect(loaded).toContain("core/error.ts");
  expect(loaded).not.toContain("core/command/catalog/index.ts");
});

test.each(handlers)("%s is at most 2% larger than recorded", (handler) => {
  const { whole, start } = bundles.get(handler)?.bytes ?? { whole: 0, start: 0 };
  const [wholeKb, startKb] = [whole, start].map((bytes) => Math.ceil(bytes / 1000));
  const ready = median(starts.get(handler) ?? []);
  console.log(
    `${handler}: ${startKb} kB loaded before the first event, ${wholeKb} kB in total, ready after ${ready} ms`,
  );
  // A change that enlarges a bundle on purpose updates the fixture.
  expect(startKb).toBeLessThanOrEqual(Math.ceil(sizes[handler].start * 1.02));
  expect(wholeKb).toBeLessThanOrEqual(Math.ceil(sizes[handler].whole * 1.02));
});

const median = (values: number[]) => Math.round(values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN);
