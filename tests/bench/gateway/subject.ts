import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Agent, request } from "undici";
import { defined } from "../../../core/object.ts";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { Arrivals } from "../arrivals.ts";
import { now } from "../clock.ts";
import type { Options } from "../options.ts";
import { Probes, treeCpuSeconds } from "../part/probes.ts";
import { sum } from "../result/statistics.ts";
import {
  type Cpu,
  endChild,
  inLanes,
  probeModule,
  type Subject,
  startChild,
  type Text,
  type Times,
} from "../subject.ts";
import type { Running, Setting } from "./process.ts";
import { WebhookCounter } from "./webhook-counter.ts";

/** The root of this checkout. */
const ownRoot = fileURLToPath(new URL("../../..", import.meta.url));
/** Milliseconds without a webhook after which missing webhooks count as lost. */
const stallMs = 20_000;
/** Time limit for linking and for a restart, in milliseconds. */
const linkMs = 120_000;

/** The whole gateway: a REST request sends a text, and a webhook reports a received one. */
export class WholeGateway implements Subject {
  readonly name: "gateway" | "before";
  readonly #root: string;
  readonly arrivals: Arrivals;
  readonly problems: string[] = [];
  readonly #folder: string;
  readonly #setting: Setting;
  readonly #receiver: WebhookCounter;
  readonly #http: Agent;
  readonly #instances: { id: string; apiKey: string }[] = [];
  #child: ChildProcess | undefined;
  #url = "";
  #apiKey = "";
  #ending = false;
  probes: Probes = new Probes("");

  private constructor(
    { folder, root = ownRoot, setting, callers }: { folder: string; root?: string; setting: Setting; callers: number },
    receiver: WebhookCounter,
    arrivals: Arrivals,
  ) {
    this.name = root === ownRoot ? "gateway" : "before";
    this.#root = root;
    this.#folder = folder;
    this.#setting = setting;
    this.#receiver = receiver;
    this.arrivals = arrivals;
    this.#http = new Agent({ connections: callers, pipelining: 1 });
  }

  /** Starts the gateway of this checkout, or of another one at `root`. `env` overrides the settings of the benchmark. */
  static async start(
    wa: WhatsApp,
    folder: string,
    options: Pick<Options, "shards" | "host" | "callers">,
    { root, env: settings = {} }: { root?: string; env?: Record<string, string> } = {},
  ): Promise<WholeGateway> {
    const env = {
      PORT: "0",
      SHARDS: String(options.shards),
      DATA_DIR: join(folder, "data"),
      EGRESS_ALLOW: "127.0.0.0/8",
      RATE_LIMIT: "0",
      WHATSAPP_URL: wa.url,
      WHATSAPP_ROOT_KEY: wa.rootKey,
      WHATSAPP_MEDIA_CA: wa.mediaCaFile ?? "",
      LOG_LEVEL: "info",
      // Loads the probe into the session host too if it is a child process.
      NODE_OPTIONS: `--import ${probeModule}`,
      BENCH_PROBES: join(folder, "gateway-probes"),
      ...settings,
    };
    const arrivals = new Arrivals();
    const receiver = await WebhookCounter.start(arrivals);
    const gateway = new WholeGateway(
      { folder, setting: { env, host: options.host }, callers: options.callers, ...defined({ root }) },
      receiver,
      arrivals,
    );
    await gateway.#start();
    return gateway;
  }

  async #start(profile?: boolean): Promise<void> {
    const { child, probes } = startChild(
      "gateway",
      join(this.#root, "tests/bench/gateway/process.ts"),
      this.#folder,
      this.#setting,
      { flags: startFlags(this.#root), profile },
    );
    this.#child = child;
    this.probes = new Probes(probes);
    const ended = new Promise<never>((_, reject) => {
      child.once("exit", (code, signal) => {
        if (this.#ending) return;
        const error = new Error(`the process of the gateway ended (${signal ?? code}): see its log`);
        this.problems.push(error.message);
        reject(error);
      });
    });
    ended.catch(() => undefined);
    const [running] = (await Promise.race([once(child, "message"), ended])) as [Running];
    this.#url = running.url;
    this.#apiKey = running.apiKey ?? this.#apiKey;
  }

  async #api(method: "GET" | "POST", path: string, body?: unknown, apiKey = this.#apiKey) {
    const answer = await request(new URL(path, this.#url), {
      dispatcher: this.#http,
      method,
      headers: { "x-api-key": apiKey, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.statusCode, text: await answer.body.text() };
  }

  /** Sends GET requests until `read` returns a value. */
  async #until<Value>(path: string, read: (body: never) => Value | undefined): Promise<Value> {
    const end = now() + linkMs;
    while (now() < end) {
      const { status, text } = await this.#api("GET", path);
      const value = status === 200 ? read(JSON.parse(text) as never) : undefined;
      if (value !== undefined) return value;
      await sleep(100);
    }
    throw new Error(`${path} did not return the expected value within ${linkMs} ms`);
  }

  /** Creates a user. Returns the user's API key. */
  async addUser(email: string): Promise<string> {
    const { status, text } = await this.#api("POST", "/api/users", { email });
    if (status !== 201) throw new Error(`the gateway did not create a user: ${status} ${text}`);
    return (JSON.parse(text) as { apiKey: string }).apiKey;
  }

  async link(phone: Phone, apiKey = this.#apiKey): Promise<void> {
    const account = this.#instances.push({ id: "", apiKey }) - 1;
    // The benchmark measures the gateway, which by default limits new contacts.
    const body = { name: phone.number, webhookUrl: this.#receiver.url, pace: { newContactsPerDay: null } };
    const { status, text } = await this.#api("POST", "/api/instances", body, apiKey);
    if (status !== 201) throw new Error(`the gateway did not create an instance: ${status} ${text}`);
    const { id } = JSON.parse(text) as { id: string };
    this.#instances[account] = { id, apiKey };
    const qr = await this.#until(`/api/instances/${id}/qr`, ({ qrCode }: { qrCode: string }) => qrCode);
    await phone.scanQr(qr);
    await this.#until(
      `/api/whatsapp/${id}/status`,
      ({ status }: { status: string }) => status === "connected" || undefined,
    );
  }

  async sendAll(texts: readonly Text[], callers: number, arrived?: (text: string) => Promise<void>) {
    const times = new Map<string, Times>();
    await inLanes(texts, callers, async ({ account, peer, text }) => {
      const startedAt = now();
      const { id, apiKey } = this.#instances[account] ?? {};
      const answer = await this.#api("POST", `/api/whatsapp/${id}/send`, { phone: peer, message: text }, apiKey);
      if (answer.status !== 200) {
        this.problems.push(`the gateway rejected a text: ${answer.status} ${answer.text}`);
        return;
      }
      times.set(text, { startedAt, answeredAt: now() });
      await arrived?.(text);
    });
    return times;
  }

  /** Sends all texts of one account as a bulk. */
  async sendBulk(account: number, texts: readonly Text[], perMinute: number): Promise<void> {
    const recipients = texts.map(({ peer, text }) => ({ phone: peer, message: text }));
    const path = `/api/whatsapp/${this.#instances[account]?.id}/bulk`;
    const answer = await this.#api("POST", path, { recipients, perMinute });
    if (answer.status !== 201) this.problems.push(`the gateway rejected a bulk: ${answer.status} ${answer.text}`);
  }

  async reportImmediately(): Promise<void> {}

  #settledCounts = { message_sent: 0, delivered: 0, message_received: 0 };

  /** Waits for the webhooks: two for each text out (sent and delivered), one for each text in. */
  async settled(direction: "out" | "in", count: number): Promise<number> {
    const kinds = direction === "out" ? (["message_sent", "delivered"] as const) : (["message_received"] as const);
    for (const kind of kinds) this.#settledCounts[kind] += count;
    const missing = () => sum(kinds.map((kind) => this.#settledCounts[kind] - this.#receiver.count(kind)));
    while (missing() > 0 && now() - this.#receiver.lastAt < stallMs) await sleep(20);
    if (missing() > 0) {
      this.problems.push(`${missing()} webhooks of ${count} texts ${direction} are missing`);
      for (const kind of kinds) this.#settledCounts[kind] = this.#receiver.count(kind);
    }
    const settledAt = this.#receiver.lastAt;
    await sleep(200);
    return settledAt;
  }

  async cpu(): Promise<Cpu> {
    const process = sum((await this.probes.usage()).map(({ cpuSeconds }) => cpuSeconds));
    const postmaster = this.#postmaster();
    const postgres = postmaster === undefined ? null : treeCpuSeconds(postmaster);
    return { process, ...(postgres === null ? {} : { postgres }) };
  }

  memory() {
    return this.probes.memory();
  }

  async restart({ profile }: { profile?: boolean } = {}): Promise<void> {
    await this.#end();
    this.#ending = false;
    await this.#start(profile);
    await this.#until(
      "/api/instances",
      ({ instances }: { instances: { status: string }[] }) =>
        instances.every(({ status }) => status === "connected") || undefined,
    );
  }

  /** Stops the gateway and adds a problem for the errors in its log and for failed texts. */
  async stop(): Promise<void> {
    await this.#end();
    await this.#receiver.stop();
    await this.#http.close();
    const log = readFileSync(join(this.#folder, "gateway.log"), "utf8").split("\n");
    const errors = log.filter(isError);
    if (errors.length > 0) this.problems.push(`the gateway logged ${errors.length} errors, first: ${errors[0]}`);
    if (this.#receiver.failed > 0) this.problems.push(`${this.#receiver.failed} texts failed at WhatsApp`);
  }

  /** The URL of the gateway's database, as superuser. */
  get databaseUrl(): string {
    const read = (name: string) => readFileSync(join(this.#folder, "data/postgres", name), "utf8").trim();
    return `postgres://postgres:${read("password")}@127.0.0.1:${read("port")}/switchboard`;
  }

  /** The number of lines that the gateway has logged. */
  get logLines(): number {
    return readFileSync(join(this.#folder, "gateway.log"), "utf8").split("\n").length - 1;
  }

  /** The number of webhooks that have arrived. */
  get webhooks(): number {
    return this.#receiver.total;
  }

  get repeated(): number {
    return this.#receiver.repeated;
  }

  async #end(): Promise<void> {
    this.#ending = true;
    if (this.#child) await endChild(this.#child);
    // A gateway that did not end cleanly leaves its database running.
    const left = this.#postmaster();
    if (left !== undefined) process.kill(left, "SIGINT");
  }

  /** Returns the process id of the gateway's Postgres while it runs. */
  #postmaster(): number | undefined {
    const file = join(this.#folder, "data/postgres/data/postmaster.pid");
    return existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : undefined;
  }
}

/** Returns the flags with which `npm start` of a checkout starts Node. */
function startFlags(root: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: { start: string } };
  return scripts.start.split(" ").filter((part) => part.startsWith("--"));
}

/** Baileys logs an error when WhatsApp closes the socket after a pairing, which is normal. */
function isError(line: string): boolean {
  if (line === "") return false;
  return line.startsWith("{") ? /^\{"level":[56]0,/.test(line) && !line.includes('"part":"baileys"') : true;
}
