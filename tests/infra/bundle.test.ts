import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../core/config.ts";
import { metricCatalog } from "../../core/metric/name.ts";
import { createQueues, openQueues } from "../../core/queue/index.ts";
import { openStorage } from "../../core/storage/index.ts";
import { type LocalAws, startAws } from "../../infra/local/aws.ts";
import { type LocalPostgres, startPostgres } from "../../infra/local/postgres.ts";
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
const loads: [name: string, bytes: number, ms: number][] = [];

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
      bundles.set(
        handler,
        await bundleHandler(root, out, { handler, runtime: "nodejs24.x", properties: {}, copyFiles }),
      );
    }),
  );
  await run("functions/migrate/index.handler", {});
});
afterAll(async () => {
  await Promise.all([postgres?.stop(), aws?.stop()]);
  await rm(folder, { recursive: true, force: true });
  for (const [name, bytes, ms] of loads)
    console.log(`${name}: ${Math.round(bytes / 1000)} kB, loaded in ${Math.round(ms)} ms`);
});

async function run(handler: string, event: unknown, besides: Record<string, string> = {}) {
  const { file, bytes } = bundles.get(handler) as Bundle;
  const fn = await startFunction(file, { ...environment, ...besides });
  const outcome = await fn.invoke(event).finally(() => fn.stop());
  loads.push([handler, bytes, fn.loadMs()]);
  return { ...outcome, printed: fn.printed() };
}

const request = (method: string, path: string, body?: unknown) => ({
  version: "2.0",
  routeKey: "$default",
  rawPath: path,
  rawQueryString: "",
  headers: { host: "api.example.com", ...(body === undefined ? {} : { "content-type": "application/json" }) },
  requestContext: {
    http: { method, path, protocol: "HTTP/1.1", sourceIp: "192.0.2.1", userAgent: "" },
    requestId: "request",
    stage: "$default",
    timeEpoch: 0,
  },
  ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  isBase64Encoded: false,
});

test("the API's bundle answers what API Gateway brings", async () => {
  const ping = await run("functions/api/index.handler", request("GET", "/api/observability/ping"));
  expect(ping.answer).toMatchObject({ statusCode: 200, body: expect.stringContaining("pong") });
  const login = await run(
    "functions/api/index.handler",
    request("POST", "/api/auth/login", { email: "nobody@example.com", password: "password" }),
  );
  expect(login.answer).toMatchObject({ statusCode: 401 });
});

test("the webhook's bundle takes a batch of SQS, and names what it could not digest", async () => {
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

test("the ingress bundle refuses what is no command, and does not ask for it again", async () => {
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

test("the scheduled bundle does what is due, and tells CloudWatch how the fleet is: by that hosts are scaled", async () => {
  const { answer, printed } = await run("functions/cron/index.handler", {}, { METRICS: "emf" });
  expect(answer).toBeNull();
  const told = printed.split("\n").filter((line) => line.startsWith('{"_aws"'));
  const gauges = Object.entries(metricCatalog).flatMap(([name, declared]) =>
    "of" in declared && declared.of === "fleet" ? [name] : [],
  );
  expect(told).toHaveLength(1);
  const { _aws, Stage, ...values } = JSON.parse(told[0] ?? "{}");
  expect(Stage).toBe("switchboard");
  expect(Object.keys(values)).toEqual(expect.arrayContaining(gauges));
  expect(_aws.CloudWatchMetrics[0].Metrics.map((one: { Name: string }) => one.Name)).toEqual(Object.keys(values));
});

test("a bare Hono handler loads beside them, for comparison", async () => {
  const out = join(folder, "bare");
  await mkdir(out);
  const { file, bytes } = await bundleHandler(root, out, {
    handler: "tests/infra/bare.handler",
    runtime: "nodejs24.x",
    properties: {},
  });
  const fn = await startFunction(file, {});
  expect((await fn.invoke(request("GET", "/"))).answer).toMatchObject({ statusCode: 200 });
  loads.push(["bare Hono", bytes, fn.loadMs()]);
  await fn.stop();
});

test.each(handlers)("%s has not grown", (handler) => {
  const kilobytes = Math.ceil((bundles.get(handler)?.bytes ?? 0) / 1000);
  // A change that means to make it larger says so in the fixture.
  expect(kilobytes).toBeLessThanOrEqual(Math.ceil(sizes[handler] * 1.02));
});
