import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Database, openDatabase } from "../../../core/db/index.ts";
import { openDataDir } from "../../../local/data/index.ts";
import type { HostMode } from "../../../local/gateway/host-process.ts";
import { type Phone, startWhatsApp, type WhatsApp } from "../../../simulator/index.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../network/webhook-receiver.ts";
import { seedPostgres, superuserUrl } from "../postgres.ts";
import { folderOfTest } from "../process/temporary-folder.ts";
import { until } from "../until.ts";
import type { Answer } from "./test-gateway.ts";

const main = fileURLToPath(new URL("./process-main.ts", import.meta.url));

interface Running {
  url: string;
  env: Record<string, string>;
  apiKey?: string;
}

/**
 * A whole gateway in a process of its own, which a test can kill. The database outlives a killed gateway, as with `npm
 * start`. WhatsApp and the webhook receiver run in the process of the test.
 */
export class GatewayProcess {
  readonly wa: WhatsApp;
  readonly receiver: WebhookReceiver;
  readonly #folder: string;
  readonly #host: HostMode;
  readonly #settings: Record<string, string>;
  #child: ChildProcess | undefined;
  #running: Running | undefined;
  /** The key of the first admin. */
  apiKey = "";
  #db: Database | undefined;
  #superuser: Database | undefined;

  private constructor(
    folder: string,
    wa: WhatsApp,
    receiver: WebhookReceiver,
    host: HostMode,
    settings: Record<string, string>,
  ) {
    this.#settings = settings;
    this.#folder = folder;
    this.wa = wa;
    this.receiver = receiver;
    this.#host = host;
  }

  /** `settings` are environment variables. */
  static async start(host: HostMode = "inside", settings: Record<string, string> = {}): Promise<GatewayProcess> {
    const folder = await folderOfTest();
    const wa = await startWhatsApp({ port: 0, directory: folder });
    const gateway = new GatewayProcess(folder, wa, await startWebhookReceiver(), host, settings);
    // The gateway rejects a folder that has data but no master key.
    (await openDataDir(join(folder, "data"))).close();
    await seedPostgres(join(folder, "data/postgres"));
    await gateway.restart();
    return gateway;
  }

  get db(): Database {
    if (!this.#db) throw new Error("the gateway has not started yet");
    return this.#db;
  }

  get url(): string {
    return this.#running?.url ?? "";
  }

  get env(): Record<string, string> {
    return this.#running?.env ?? {};
  }

  /** Starts the gateway on the data of the last start. */
  async restart(): Promise<void> {
    const { wa } = this;
    const env = {
      PORT: "0",
      SHARDS: "2",
      DATA_DIR: join(this.#folder, "data"),
      EGRESS_ALLOW: "127.0.0.0/8",
      RATE_LIMIT: "0",
      WHATSAPP_URL: wa.url,
      WHATSAPP_ROOT_KEY: wa.rootKey,
      WHATSAPP_MEDIA_CA: wa.mediaCaFile ?? "",
      LOG_LEVEL: process.env.TEST_LOG ?? "silent",
      DIRECT_CALLS: process.env.TEST_DIRECT_CALLS ?? "true",
      ...this.#settings,
    };
    const child = fork(main, [JSON.stringify({ env, host: this.#host })], {
      env: { PATH: process.env.PATH ?? "" },
      execArgv: [],
    });
    this.#child = child;
    const failed = once(child, "exit").then(([code]) => {
      throw new Error(`the gateway ended with status ${code} before it was ready`);
    });
    const [running] = (await Promise.race([once(child, "message"), failed])) as [Running];
    failed.catch(() => undefined);
    this.#running = running;
    this.apiKey = running.apiKey ?? this.apiKey;
    this.#db ??= openDatabase(running.env.DATABASE_URL ?? "", { max: 4, name: "test" });
  }

  /** Returns how many deliveries, backlogs and sinks are claimed under leases that have ended. */
  async deadClaims(): Promise<number> {
    const [row] = await this.db.sql<{ n: number }[]>`
      select count(*)::int as n from (
        select claimed_by from deliveries where status = 'pending'
        union all select claimed_by from webhook_endpoints
        union all select claimed_by from event_sinks) claims
      where claimed_by is not null and not exists (
        select from claim_leases l where l.id = claims.claimed_by and l.until > clock_timestamp())`;
    return row?.n ?? 0;
  }

  /** Opens a connection as the superuser, which `stop` closes. */
  async superuser(): Promise<Database> {
    const url = await superuserUrl(join(this.#folder, "data/postgres"), this.env.DATABASE_URL ?? "");
    this.#superuser ??= openDatabase(url, { max: 1, name: "test" });
    return this.#superuser;
  }

  /** Sends SIGKILL and waits for the end of the process. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  async api(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const type = body === undefined ? {} : { "content-type": "application/json" };
    const response = await fetch(new URL(path, this.#running?.url), {
      method,
      headers: { "x-api-key": this.apiKey, ...type, ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  }

  /** Creates an instance with the receiver as its webhook endpoint, and links it to the phone. */
  async linked(phone: Phone, settings: Record<string, unknown> = {}): Promise<string> {
    const { body } = await this.api("POST", "/api/instances", {
      name: "test",
      webhookUrl: this.receiver.url,
      ...settings,
    });
    const qr = await until(async () => {
      const answer = await this.api("GET", `/api/instances/${body.id}/qr`);
      return answer.status === 200 ? (answer.body.qrCode as string) : undefined;
    });
    await phone.scanQr(qr);
    await this.connected(body.id);
    return body.id;
  }

  async connected(instanceId: string): Promise<void> {
    await until(async () => {
      const answer = await this.api("GET", `/api/whatsapp/${instanceId}/status`);
      return answer.body.status === "connected" || undefined;
    }, 60_000);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#db?.close(), this.#superuser?.close()]);
    const child = this.#child;
    if (child?.connected) {
      const gone = once(child, "exit");
      child.disconnect();
      await gone;
    }
    await Promise.all([this.wa.stop(), this.receiver.stop()]);
  }
}
