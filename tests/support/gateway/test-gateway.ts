import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase } from "../../../core/db/index.ts";
import { createLogger, type Logger } from "../../../core/log.ts";
import { openDataDir } from "../../../local/data/index.ts";
import type { HostMode } from "../../../local/gateway/host-process.ts";
import { type Gateway, startGateway } from "../../../local/gateway/index.ts";
import { type Phone, startWhatsApp, type WhatsApp } from "../../../simulator/index.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../network/webhook-receiver.ts";
import { seedPostgres, superuserUrl } from "../postgres.ts";
import { until } from "../until.ts";

export type Dialect = "multi-instance" | "gateway";

/** The whole gateway on real parts, with the simulated WhatsApp and a receiver for its webhooks. */
export interface TestGateway {
  gateway: Gateway;
  wa: WhatsApp;
  receiver: WebhookReceiver;
  /** A connection for reading the database and for setting up a state. The gateway has its own connections. */
  db: Database;
  /** Sends a request to the REST API, with the key of the first admin unless `key` is given. */
  api(
    method: string,
    path: string,
    options?: { body?: unknown; key?: string | null; headers?: Record<string, string> },
  ): Promise<Answer>;
  /** Creates an instance with the receiver as its webhook endpoint, and links it to the phone by its QR code. */
  linked(phone: Phone, dialect?: Dialect, settings?: Record<string, unknown>): Promise<string>;
  createInstance(dialect?: Dialect, settings?: Record<string, unknown>): Promise<string>;
  /** Waits for a QR code that can be scanned, and returns it. */
  qr(instanceId: string): Promise<string>;
  status(instanceId: string, status: string, timeoutMs?: number): Promise<void>;
  /** Stops the gateway and starts it again on the same data. WhatsApp and the receiver keep running. */
  restart(env?: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
}

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  body: any;
}

export async function startTestGateway(
  options: {
    host?: HostMode;
    env?: Record<string, string>;
    wa?: Parameters<typeof startWhatsApp>[0];
    /** The logger of the session host and of the gateway process. The functions have their own. */
    log?: Logger;
  } = {},
): Promise<TestGateway> {
  const directory = await mkdtemp(join(tmpdir(), "switchboard-test-"));
  const wa = await startWhatsApp({ port: 0, directory, ...options.wa });
  const receiver = await startWebhookReceiver();
  const level = process.env.TEST_LOG ?? "silent";
  const start = (env: Record<string, string> = {}) =>
    startGateway({
      env: {
        PORT: "0",
        SHARDS: "2",
        DATA_DIR: join(directory, "data"),
        EGRESS_ALLOW: "127.0.0.0/8",
        RATE_LIMIT: "0",
        WHATSAPP_URL: wa.url,
        WHATSAPP_ROOT_KEY: wa.rootKey,
        WHATSAPP_MEDIA_CA: wa.mediaCaFile ?? "",
        LOG_LEVEL: level,
        DIRECT_CALLS: process.env.TEST_DIRECT_CALLS ?? "true",
        ...options.env,
        ...env,
      },
      log: options.log ?? createLogger("test", level),
      host: options.host ?? "inside",
    });
  // The gateway rejects a folder that has data but no master key.
  (await openDataDir(join(directory, "data"))).close();
  await seedPostgres(join(directory, "data/postgres"));
  const gateway = await start();
  const openDb = async ({ env, config }: Gateway) => {
    const url = env.DATABASE_URL ?? "";
    const own = options.env?.DATABASE_URL ? url : await superuserUrl(join(directory, "data/postgres"), url);
    return openDatabase(own, { max: 4, name: "test", pooler: config.DATABASE_POOLER });
  };
  const db = await openDb(gateway);
  const adminKey = gateway.firstAdmin?.apiKey.key ?? "";

  const test: TestGateway = {
    gateway,
    wa,
    receiver,
    db,
    async api(method, path, { body, key = adminKey, headers = {} } = {}) {
      const response = await fetch(new URL(path, test.gateway.url), {
        method,
        headers: {
          ...(key ? { "x-api-key": key } : {}),
          ...(body === undefined || body instanceof FormData ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined
          ? {}
          : { body: typeof body === "string" || body instanceof FormData ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: parsed(text) };
    },
    async createInstance(dialect = "multi-instance", settings = {}) {
      const path = dialect === "gateway" ? "/api/instance/create" : "/api/instances";
      const answer = await test.api("POST", path, { body: { name: "test", webhookUrl: receiver.url, ...settings } });
      if (answer.status >= 300) throw new Error(`no instance: ${answer.status} ${JSON.stringify(answer.body)}`);
      return dialect === "gateway" ? answer.body.data.id : answer.body.id;
    },
    qr: (id) =>
      until(async () => {
        const answer = await test.api("GET", `/api/instances/${id}/qr`);
        return answer.status === 200 ? (answer.body.qrCode as string) : undefined;
      }),
    async linked(phone, dialect, settings) {
      const id = await test.createInstance(dialect, settings);
      await phone.scanQr(await test.qr(id));
      await test.status(id, "connected");
      return id;
    },
    async status(id, status, timeoutMs = 40_000) {
      await until(async () => {
        const answer = await test.api("GET", `/api/whatsapp/${id}/status`);
        return answer.body.status === status || undefined;
      }, timeoutMs);
    },
    async restart(env) {
      await test.db.close();
      await test.gateway.stop();
      test.gateway = await start(env);
      test.db = await openDb(test.gateway);
    },
    async stop() {
      await test.db.close();
      await test.gateway.stop();
      await Promise.all([wa.stop(), receiver.stop()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
  return test;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
