import { rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readConfig } from "../../../../core/config.ts";
import { type Database, openDatabase } from "../../../../core/db/index.ts";
import { createQueues, openQueues } from "../../../../core/queue/index.ts";
import { openStorage } from "../../../../core/storage/index.ts";
import { prepareDatabase } from "../../../../functions/migrate/prepare.ts";
import { openDataDir } from "../../../../local/data/index.ts";
import { type LocalPostgres, startPostgres } from "../../../../local/postgres/index.ts";
import { type LatencyRange, startWhatsApp, type WhatsApp } from "../../../../simulator/index.ts";
import { png } from "../../../support/media/png.ts";
import { type FileServer, startFileServer } from "../../../support/network/file-server.ts";
import { seedPostgres } from "../../../support/postgres.ts";
import { Child, type ChildOptions, type Program } from "../process/child.ts";
import { Endpoints } from "./endpoints.ts";

export interface WorldOptions {
  /** An empty folder for all data and logs. */
  folder: string;
  hosts?: number;
  workers?: number;
  shards?: number;
  logLevel?: string;
  /** Node.js arguments of the processes of a program. */
  nodeArguments?: Partial<Record<Program, readonly string[]>>;
  /** Delays of the stanzas between the hosts and WhatsApp. Default: no delay. */
  latency?: LatencyRange;
  /** More environment variables of the processes of the gateway. */
  env?: Record<string, string>;
}

/** The worlds that run or start. */
const running = new Set<Promise<World>>();

/**
 * Stops everything that runs, and then ends this process, when the process is interrupted or the process that started it
 * ends. Postgres would outlive both otherwise.
 */
export function stopWhenInterrupted(): void {
  const stop = async () => {
    const worlds = await Promise.allSettled(running);
    await Promise.all(worlds.map((world) => world.status === "fulfilled" && world.value.stop()));
    process.exit(130);
  };
  for (const signal of ["SIGINT", "SIGTERM", "disconnect"] as const) process.once(signal, stop);
}

/** The names of the processes of the gateway that a fault can end. */
export type ProcessName = "api" | `worker-${number}` | `host-${number}`;

/** The whole gateway as processes, over the simulated WhatsApp and networks that can fail. */
export class World {
  readonly wa: WhatsApp;
  readonly endpoints: Endpoints;
  /** A web server with the files that instances send. */
  readonly files: FileServer;
  /** A connection that faults don't affect. */
  readonly db: Database;
  readonly folder: string;
  readonly apiKey: string;
  readonly env: Record<string, string>;
  /** The environment of SQS clients that faults don't affect. */
  readonly directEnv: Record<string, string>;
  readonly processes = new Map<ProcessName, Child>();
  readonly network: Child;
  aws: Child;
  apiUrl = "";
  readonly hostNames: ProcessName[];
  readonly workerNames: ProcessName[];
  /** Milliseconds that the database's clock is ahead of this process's clock. */
  clockOffset = 0;
  #postgres: LocalPostgres;
  readonly #options: WorldOptions;
  readonly #unlock: () => void;
  #stopped: Promise<void> | undefined;

  private constructor(options: WorldOptions, parts: Parts) {
    this.#options = options;
    this.folder = options.folder;
    this.wa = parts.wa;
    this.endpoints = parts.endpoints;
    this.files = parts.files;
    this.db = parts.db;
    this.env = parts.env;
    this.directEnv = parts.directEnv;
    this.apiKey = parts.apiKey;
    this.network = parts.network;
    this.aws = parts.aws;
    this.#postgres = parts.postgres;
    this.#unlock = parts.unlock;
    const names = <Name extends string>(name: Name, count: number) =>
      Array.from({ length: count }, (_, index) => `${name}-${index}` as const);
    this.hostNames = names("host", options.hosts ?? 2);
    this.workerNames = names("worker", options.workers ?? 2);
  }

  static start(options: WorldOptions): Promise<World> {
    const starting = World.#start(options);
    running.add(starting);
    return starting;
  }

  static async #start(options: WorldOptions): Promise<World> {
    const world = new World(options, await startParts(options));
    await world.#measureClock();
    await Promise.all((["api", ...world.workerNames, ...world.hostNames] as const).map((name) => world.start(name)));
    await world.aws.request("poll");
    return world;
  }

  /** The time of the database's clock, in milliseconds. */
  now(): number {
    return Date.now() + this.clockOffset;
  }

  /** Starts a process of the gateway. Resolves when it is ready; for a session host, when it has been started. */
  async start(name: ProcessName): Promise<Child> {
    const child = this.spawn(name);
    this.processes.set(name, child);
    if (!name.startsWith("host")) {
      const ready = (await child.ready) as { url?: string; port?: number };
      if (ready.url) this.apiUrl = ready.url;
      // The API keeps its port, so that callers need no new URL.
      if (ready.port) this.env.PORT = String(ready.port);
    }
    return child;
  }

  /** Starts a process without making it the process of this name. */
  spawn(name: ProcessName): Child {
    const program = name.replace(/-\d+$/, "") as "api" | "worker" | "host";
    const env = { ...this.env };
    if (program === "worker") {
      env.WORKER_SOCKET = workerSocket(this.folder, name);
      // A worker that was killed leaves its socket behind.
      rmSync(env.WORKER_SOCKET, { force: true });
    }
    return this.#child(program, name, env);
  }

  #child(program: Program, name: string, env: Record<string, string>): Child {
    const nodeArguments = this.#options.nodeArguments?.[program] ?? [];
    return new Child({ program, name, folder: this.folder, env, nodeArguments });
  }

  process(name: ProcessName): Child {
    const child = this.processes.get(name);
    if (!child) throw new Error(`there is no process ${name}`);
    return child;
  }

  async restartAws(): Promise<void> {
    await this.aws.end("SIGKILL");
    this.aws = new Child(this.aws.options);
    await this.aws.ready;
    await this.aws.request("poll");
  }

  async restartDatabase(): Promise<void> {
    await this.#postgres.stop();
    this.#postgres = await startPostgres({ dataDir: join(this.folder, "postgres") });
  }

  /** Runs a query, and repeats it while the database restarts. */
  async query<Rows>(run: (sql: Database["sql"]) => Promise<Rows>): Promise<Rows> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await run(this.db.sql);
      } catch (error) {
        if (attempt === 100) throw error;
        await sleep(200);
      }
    }
  }

  async #measureClock(): Promise<void> {
    const before = Date.now();
    const [row] = await this.db.sql<{ at: number }[]>`select extract(epoch from clock_timestamp()) * 1000 as at`;
    this.clockOffset = Number(row?.at) - (before + Date.now()) / 2;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const all = [...this.processes.values(), this.aws, this.network];
    for (const child of all) if (child.running) child.signal("SIGCONT");
    await Promise.all(all.map((child) => child.end("SIGKILL")));
    await this.db.close();
    await Promise.all([this.wa.stop(), this.endpoints.stop(), this.files.stop(), this.#postgres.stop()]);
    this.#unlock();
  }
}

interface Parts {
  wa: WhatsApp;
  endpoints: Endpoints;
  files: FileServer;
  db: Database;
  env: Record<string, string>;
  directEnv: Record<string, string>;
  apiKey: string;
  network: Child;
  aws: Child;
  postgres: LocalPostgres;
  unlock: () => void;
}

const workerSocket = (folder: string, name: string) => join(folder, `${name}.sock`);
const queuePrefix = "switchboard";

async function startParts({
  folder,
  shards = 4,
  workers = 2,
  logLevel = "warn",
  env: more = {},
  latency,
}: WorldOptions): Promise<Parts> {
  await mkdir(folder, { recursive: true });
  const wa = await startWhatsApp({ directory: folder, ...(latency && { latency }) });
  const endpoints = await Endpoints.start();
  const files = await startFileServer({ "/picture.png": { body: png(16), type: "image/png" } });
  const dataDir = await openDataDir(join(folder, "data"));
  await seedPostgres(join(folder, "postgres"));
  const postgres = await startPostgres({ dataDir: join(folder, "postgres") });
  const sockets = Array.from({ length: workers }, (_, index) => workerSocket(folder, `worker-${index}`));
  const aws = await ready({
    program: "aws",
    name: "aws",
    folder,
    env: { AWS_SETTING: JSON.stringify({ folder: join(folder, "aws"), queuePrefix, workers: sockets }) },
  });
  const { endpoint, credentials } = (await aws.ready) as {
    endpoint: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
  };
  const ports = { databasePort: postgres.port, awsPort: Number(new URL(endpoint).port) };
  const network = await ready({
    program: "network",
    name: "network",
    folder,
    env: { NETWORK_SETTING: JSON.stringify(ports) },
  });
  const proxies = (await network.ready) as typeof ports;
  const throughProxy = new URL(postgres.url);
  throughProxy.port = String(proxies.databasePort);
  const directEnv = {
    PORT: "0",
    SHARDS: String(shards),
    DATA_DIR: join(folder, "data"),
    MASTER_KEY_FILE: dataDir.masterKeyFile,
    EGRESS_ALLOW: "127.0.0.0/8",
    RATE_LIMIT: "0",
    WHATSAPP_URL: wa.url,
    WHATSAPP_ROOT_KEY: wa.rootKey,
    WHATSAPP_MEDIA_CA: wa.mediaCaFile ?? "",
    LOG_LEVEL: logLevel,
    DATABASE_POOL: "8",
    DATABASE_URL: postgres.url,
    SQS_ENDPOINT: endpoint,
    S3_ENDPOINT: endpoint,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ...more,
  };
  const proxy = `http://127.0.0.1:${proxies.awsPort}`;
  const env = { ...directEnv, DATABASE_URL: throughProxy.href, SQS_ENDPOINT: proxy, S3_ENDPOINT: proxy };
  const apiKey = await prepare(directEnv);
  const db = openDatabase(postgres.url, { max: 4, name: "fault-suite" });
  return { wa, endpoints, files, db, env, directEnv, apiKey, network, aws, postgres, unlock: () => dataDir.close() };
}

async function ready(options: ChildOptions): Promise<Child> {
  const child = new Child(options);
  await child.ready;
  return child;
}

/** Creates the tables, queues, bucket and first admin. Returns the admin's API key. */
async function prepare(env: Record<string, string>): Promise<string> {
  const config = readConfig(env);
  const queues = openQueues(config);
  const [{ firstAdmin }] = await Promise.all([
    prepareDatabase(config),
    createQueues(queues, config),
    openStorage(config).createBucket(),
  ]);
  queues.client.destroy();
  return firstAdmin?.apiKey.key ?? "";
}
