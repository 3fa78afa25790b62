import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleHandler } from "../../infra/cli.ts";
import { startFunction } from "../../infra/runtime-interface.ts";
import type { Study } from "../result/result.ts";
import { percentile } from "../result/statistics.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const starts = 15;

const functions = {
  bare: { handler: "tests/infra/bare.handler", path: "/" },
  api: { handler: "functions/api/index.handler", path: "/api/observability/ping" },
} as const;

/**
 * Measures the time from the start of a process to its first answer, of the API's bundle and of a bare Hono handler. Both
 * run behind the interface of Lambda's runtime. The processes alternate.
 */
export const start: Study = async ({ folder, keep, progress, addProblem }) => {
  mkdirSync(folder, { recursive: true });
  const keyFile = join(folder, "master.key");
  writeFileSync(keyFile, randomBytes(32), { mode: 0o600 });
  const unused = "127.0.0.1:1";
  const env = {
    ...{ DATABASE_URL: `postgres://bench:bench@${unused}/bench`, MASTER_KEY_FILE: keyFile },
    ...{ SQS_ENDPOINT: `http://${unused}`, S3_ENDPOINT: `http://${unused}` },
    ...{ AWS_ACCESS_KEY_ID: "bench", AWS_SECRET_ACCESS_KEY: "bench" },
    // Counting the request would wait for the database.
    RATE_LIMIT: "0",
  };
  const times = { bare: [] as number[], api: [] as number[] };
  progress(`start: ${starts} starts of each function`);
  const files = Object.fromEntries(
    await Promise.all(
      Object.entries(functions).map(async ([name, { handler }]) => {
        const properties = { minify: true, splitting: true };
        const bundle = await bundleHandler(root, join(folder, name), { handler, runtime: "nodejs24.x", properties });
        return [name, bundle.file] as const;
      }),
    ),
  );
  for (let round = 0; round < starts; round++) {
    for (const [name, { path }] of Object.entries(functions)) {
      const run = await startFunction(files[name] ?? "", env);
      const { answer } = await run.invoke(request(path));
      times[name as keyof typeof times].push(run.times().answered);
      if ((answer as { statusCode?: number } | undefined)?.statusCode !== 200)
        addProblem(`${name} answered ${JSON.stringify(answer)}`);
      await run.stop();
    }
  }
  const [bare, value] = [percentile(times.bare, 0.5), percentile(times.api, 0.5)];
  keep({ name: "cold start of the API", unit: "ms", value, bare });
};

const request = (path: string) => ({
  version: "2.0",
  routeKey: "$default",
  rawPath: path,
  rawQueryString: "",
  headers: { host: "api.example.com" },
  requestContext: {
    http: { method: "GET", path, protocol: "HTTP/1.1", sourceIp: "192.0.2.1", userAgent: "" },
    requestId: "request",
    stage: "$default",
    timeEpoch: 0,
  },
  isBase64Encoded: false,
});
