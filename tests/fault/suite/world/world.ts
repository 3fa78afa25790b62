import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../../../../core/db/index.ts";
import { type LocalPostgres, startPostgres } from "../../../../local/postgres/index.ts";
import type { WhatsApp } from "../../../../simulator/index.ts";
import type { FileServer } from "../../../support/network/file-server.ts";
import { until } from "../../../support/until.ts";
import type { Path } from "../path.ts";
import { Child, type Program } from "../process/child.ts";
import type { Endpoints } from "./endpoints.ts";
import { type Parts, type PartsOptions, startParts, workerSocket } from "./parts.ts";

export interface WorldOptions extends PartsOptions {
  /** Default: `queue`. */
  path?: Path;
  hosts?: number;
  /** Node.js arguments of the processes of a program. */
  nodeArguments?: Partial<Record<Program, readonly string[]>>;
}

/** The settings that a whole gateway sets itself. */
const awsSettings = ["SQS_ENDPOINT", "S3_ENDPOINT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] as const;

/** How long the hosts may take to start, on a busy machine. Milliseconds. */
const startLimitMs = 300_000;

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
  /** The URL of each API, by the name of its process. */
  readonly apiUrls = new Map<ProcessName, string>();
  /** The processes that serve the API. */
  readonly apiNames: ProcessName[];
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
    if (options.whole) this.apiNames = [...this.hostNames, "api"];
    else this.apiNames = options.path === "direct" ? this.hostNames : ["api"];
  }

  static start(options: WorldOptions): Promise<World> {
    const starting = World.#start(options);
    running.add(starting);
    return starting;
  }

  static async #start(options: WorldOptions): Promise<World> {
    const world = new World(options, await startParts(options));
    await world.#measureClock();
    await Promise.all(world.processNames.map((name) => world.start(name)));
    if (!options.whole) await world.aws.request("poll");
    await until(() => world.#allHostsServe(), startLimitMs);
    return world;
  }

  /** The names of all processes of the gateway. */
  get processNames(): ProcessName[] {
    return [...new Set([...this.apiNames, ...this.workerNames, ...this.hostNames])];
  }

  /**
   * Returns true when each host serves shards. A host that starts takes shards of another host, and the instances of these
   * shards can't be linked meanwhile.
   */
  async #allHostsServe(): Promise<true | undefined> {
    const [row] = await this.db.sql<{ hosts: number; free: number }[]>`
      select count(distinct host)::int as hosts, count(*) filter (where host is null)::int as free from shards`;
    return (row?.hosts === this.hostNames.length && row.free === 0) || undefined;
  }

  /** The time of the database's clock, in milliseconds. */
  now(): number {
    return Date.now() + this.clockOffset;
  }

  /** Starts a process of the gateway. Resolves when its API is ready; for a process without one, when it has been started. */
  async start(name: ProcessName): Promise<Child> {
    const child = this.spawn(name);
    this.processes.set(name, child);
    if (child.options.program !== "host") {
      const { url } = (await child.ready) as { url?: string };
      if (url) this.apiUrls.set(name, url);
    }
    return child;
  }

  /** Starts a process without making it the process of this name. */
  spawn(name: ProcessName): Child {
    const role = name.replace(/-\d+$/, "") as "api" | "worker" | "host";
    const program = role === "host" ? this.#hostProgram : role;
    const env = { ...this.env };
    if (program === "gateway") for (const setting of awsSettings) delete env[setting];
    if (program === "worker") {
      env.WORKER_SOCKET = workerSocket(this.folder, name);
      // A worker that was killed leaves its socket behind.
      rmSync(env.WORKER_SOCKET, { force: true });
    }
    return this.#child(program, name, env);
  }

  get #hostProgram(): "host" | "api-host" | "gateway" {
    if (this.#options.whole) return "gateway";
    return this.#options.path === "direct" ? "api-host" : "host";
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
