import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFauxqs } from "fauxqs";
import { expect } from "vitest";
import type { Clock } from "../../../core/clock.ts";
import { readConfig } from "../../../core/config.ts";
import { openVault, type Vault } from "../../../core/crypto/index.ts";
import { localWrapper } from "../../../core/crypto/wrapper.ts";
import { type Database, openDatabase } from "../../../core/db/index.ts";
import { migrate } from "../../../core/db/migrate.ts";
import { createEgress } from "../../../core/egress/index.ts";
import { LiveEvents, polling } from "../../../core/event-stream/index.ts";
import { systemIds } from "../../../core/id.ts";
import { commandQueue, createQueues, openQueues, type Queues } from "../../../core/queue/index.ts";
import { openStorage, type Storage } from "../../../core/storage/index.ts";
import { createUser, type NewUser } from "../../../core/user/index.ts";
import { createApp } from "../../../functions/api/app.ts";
import type { ApiDeps } from "../../../functions/api/engine/dependencies.ts";
import { isStreamPath } from "../../../functions/api/engine/stream-path.ts";
import { lambdaHandler } from "../../../functions/api/lambda.ts";
import { streamResponse } from "../../../functions/api/streaming.ts";
import { startApiGateway } from "../../../local/lambda/api-gateway.ts";
import { functionUrl } from "../../../local/lambda/function-url.ts";
import { startPostgres } from "../../../local/postgres/index.ts";
import { dialects } from "../endpoint/dialect-tables.ts";
import { recordedLogger } from "../log.ts";
import { seedPostgres } from "../postgres.ts";

/** A clock that follows the system clock and can be moved ahead. */
export interface TestClock extends Clock {
  advance(ms: number): void;
}

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape, and `request` checks the shape
  body: any;
  headers: Headers;
}

export interface Ask {
  key?: string;
  token?: string;
  /** The request body. An object is sent as JSON, and a string is sent unchanged. */
  body?: unknown;
  headers?: Record<string, string>;
  /** Sends the request to an API that waits only briefly for the result of a command. */
  impatient?: boolean;
}

export interface TestApi {
  url: string;
  /** The URL of an API that waits only briefly for the result of a command. */
  impatientUrl: string;
  databaseUrl: string;
  sqsEndpoint: string;
  /** The API's dependencies, which other parts of a test can share. */
  deps: Omit<ApiDeps, "vault" | "live"> & { clock: TestClock; vault: Vault; queues: Queues; storage: Storage };
  /** The dependencies that the API gets. */
  served: ApiDeps;
  db: Database;
  vault: Vault;
  /** Sends a request through the local API Gateway and the Lambda adapter. Checks the response against the endpoint's schema. */
  request(method: string, path: string, ask?: Ask): Promise<Answer>;
  /** Creates a user with a key. The user has no password unless `wanted` has one, because hashing is slow. */
  user(wanted?: Partial<NewUser>): Promise<{ id: string; email: string; key: string }>;
  /** Creates an instance over the API, then sets its state as the session host would. Returns its id. */
  instance(key: string, state?: InstanceState): Promise<string>;
  setState(instanceId: string, state: InstanceState): Promise<void>;
  /** Returns the ids of the instance's commands on all command queues, in order. */
  queued(instanceId: string): Promise<string[]>;
  /** Returns the lines that were logged so far. */
  logged(): string[];
  stopPostgres(): Promise<void>;
  /** Starts Postgres again with the same data and port. */
  startPostgres(): Promise<void>;
  stop(): Promise<void>;
}

export type InstanceState = "as made" | "connected" | "connecting" | "qr" | "expired qr" | "logged_out";

export const password = "correct horse battery staple";

export async function startApi(env: Record<string, string> = {}): Promise<TestApi> {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-api-"));
  const openPostgres = () => startPostgres({ dataDir: join(folder, "postgres") });
  await seedPostgres(join(folder, "postgres"));
  let postgres = await openPostgres();
  const sqs = await startFauxqs({ port: 0, logger: false, host: "127.0.0.1" });
  const sqsEndpoint = `http://127.0.0.1:${sqs.port}`;
  const config = readConfig({
    DATABASE_URL: postgres.url,
    SQS_ENDPOINT: sqsEndpoint,
    S3_ENDPOINT: sqsEndpoint,
    SHARDS: "2",
    RATE_LIMIT: "0",
    ...env,
  });
  await migrate(postgres.url, config.SHARDS);
  const db = openDatabase(postgres.url, { max: 8 });
  const queues = openQueues(config);
  await createQueues(queues, config);
  const storage = openStorage(config);
  await storage.createBucket();
  const egress = createEgress({ allow: ["127.0.0.0/8"] });
  const vault = await openVault(db, localWrapper(Buffer.alloc(32, 7)));
  let ahead = 0;
  const advance = (ms: number) => {
    ahead += ms;
  };
  const clock = { now: () => new Date(Date.now() + ahead), advance };
  const { log, lines } = recordedLogger("api");
  const deps = {
    config,
    db,
    vault,
    queues,
    storage,
    egress,
    clock,
    ids: systemIds,
    log,
    waitMs: 15_000,
  };
  const live = new LiveEvents(
    { db, clock, log, wakeups: { ...polling, intervalMs: 200 }, checkMs: 200 },
    config.QUOTA_EVENT_STREAMS,
  );
  const served = { ...deps, vault: async () => vault, live: async () => live };
  const addForwarded = !config.OPEN_KEY_GENERATION;
  const app = createApp(served);
  const direct = functionUrl({
    ...{
      handler: (...call) => streamResponse(app, ...call),
      serves: isStreamPath,
      functionName: "stream",
      addForwarded,
    },
    onError: (error) => log.error({ err: error }, "a stream failed"),
  });
  const gateway = await startApiGateway({ handler: lambdaHandler(app), port: 0, addForwarded, direct });
  const impatient = await startApiGateway({ handler: lambdaHandler(createApp({ ...served, waitMs: 50 })), port: 0 });

  const request = async (method: string, path: string, ask: Ask = {}): Promise<Answer> => {
    const json = ask.body !== undefined && typeof ask.body !== "string";
    const response = await fetch((ask.impatient ? impatient : gateway).url + path, {
      method,
      headers: {
        ...(ask.body === undefined ? {} : { "content-type": "application/json" }),
        ...(ask.key ? { "x-api-key": ask.key } : {}),
        ...(ask.token ? { authorization: `Bearer ${ask.token}` } : {}),
        ...ask.headers,
      },
      ...(ask.body === undefined ? {} : { body: json ? JSON.stringify(ask.body) : String(ask.body) }),
    });
    const streams = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
    if (streams) await response.body?.cancel();
    const text = streams ? "" : await response.text();
    const answer = {
      status: response.status,
      body: text === "" ? undefined : JSON.parse(text),
      headers: response.headers,
    };
    if (!streams) checkShape(method, new URL(response.url).pathname, answer, text);
    return answer;
  };

  const received = new Map<string, string[]>();
  const api: TestApi = {
    url: gateway.url,
    impatientUrl: impatient.url,
    databaseUrl: postgres.url,
    sqsEndpoint,
    deps,
    served,
    db,
    vault,
    request,
    async user(wanted = {}) {
      const email = wanted.email ?? `user-${systemIds.uuid()}@example.com`;
      const made = await createUser(deps, { firstName: "Ann", lastName: "Lee", ...wanted, email });
      return { id: made.user.id, email, key: made.apiKey.key };
    },
    async instance(key, state = "as made") {
      const { body } = await request("POST", "/api/instances", { key, body: { name: "Primary" } });
      await api.setState(body.id, state);
      return body.id;
    },
    async setState(instanceId, state) {
      if (state === "as made") return;
      const sealed = vault.seal(Buffer.from(qrOf(instanceId)), `qr:${instanceId}`);
      const inQr = state === "qr" || state === "expired qr";
      await db.sql`
        update instances set status = ${inQr ? "qr" : state}, status_at = ${clock.now().toISOString()}::timestamptz,
          qr = ${inQr ? sealed : null}::bytea,
          qr_expires_at = ${new Date(clock.now().getTime() + (state === "qr" ? 20_000 : -1)).toISOString()}::timestamptz
        where id = ${instanceId}`;
    },
    async queued(instanceId) {
      await drain(queues, config.SHARDS, received);
      return received.get(instanceId) ?? [];
    },
    logged: () => lines,
    stopPostgres: () => postgres.stop(),
    async startPostgres() {
      postgres = await openPostgres();
    },
    async stop() {
      live.close();
      await Promise.all([gateway.stop(), impatient.stop()]);
      await egress.close();
      await db.close();
      await sqs.stop();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return api;
}

export const qrOf = (instanceId: string) => `2@${instanceId},noise,identity,adv`;

async function drain(queues: Queues, shards: number, into: Map<string, string[]>): Promise<void> {
  for (let shard = 0; shard < shards; shard++) {
    for (;;) {
      const messages = await queues.receive(commandQueue(shard), { waitSeconds: 0 });
      if (messages.length === 0) break;
      for (const message of messages) {
        const { id, instanceId } = JSON.parse(message.Body ?? "") as { id: string; instanceId: string };
        into.set(instanceId, [...(into.get(instanceId) ?? []), id]);
      }
      await queues.remove(
        commandQueue(shard),
        messages.map((message) => message.ReceiptHandle ?? ""),
      );
    }
  }
}

/** Fails unless the response has a request id, matches its endpoint's schema exactly, and shows no internals. */
function checkShape(method: string, path: string, answer: Answer, text: string): void {
  expect(text).not.toMatch(/ at .+:\d+:\d+|node_modules|select .+ from|Postgres/i);
  if (!answer.headers.has("x-request-id") || /^\/(?:open|async)api\.json$/.test(path)) return;
  const dialect = dialects.find((one) => one.owns(path));
  if (!dialect) throw new Error(`no dialect owns ${path}`);
  if (answer.status >= 400) {
    expect(answer.headers.get("content-type")).toBe(dialect.errorType);
    expect(dialect.shapes.error.parse(answer.body)).toEqual(answer.body);
    return;
  }
  const endpoint = dialects
    .flatMap(({ endpoints }) => endpoints)
    .find(
      (one) =>
        one.method.toUpperCase() === method && new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path),
    );
  if (!endpoint) throw new Error(`no endpoint for ${method} ${path}`);
  if (answer.status === 202) expect(endpoint.mayPend).toBe(true);
  else expect(answer.status).toBe(endpoint.status);
  const schema = answer.status === 202 ? dialect.shapes.pending : endpoint.response;
  expect(schema.parse(answer.body)).toEqual(answer.body);
}
