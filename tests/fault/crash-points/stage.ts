import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { until } from "../../support/until.ts";
import type { Path } from "../suite/path.ts";
import { restartBoundMs } from "../suite/plan.ts";
import { check, type Violation } from "../suite/record/checker.ts";
import type { InjectedFault } from "../suite/record/record.ts";
import { type Account, linkAccount } from "../suite/world/accounts.ts";
import { collect, quiesce } from "../suite/world/collect.ts";
import { Rest } from "../suite/world/rest.ts";
import { Traffic } from "../suite/world/traffic.ts";
import { World } from "../suite/world/world.ts";
import { disarm, order, reachedBy } from "./orders.ts";
import { writeSources } from "./sources.ts";

export type Victim = "api" | "worker-0" | "host-0";
/** With the path `direct`, the host process runs all parts of the gateway. The process `api` uses its queues. */
export const victimsOf: Record<Path, readonly Victim[]> = {
  queue: ["host-0", "worker-0", "api"],
  direct: ["host-0", "api"],
};

/** A crash point that a process reaches. */
export interface Point {
  victim: Victim;
  at: string;
}

export interface PointResult extends Point {
  /** Whether the process reached the point and was stopped there. */
  stopped: boolean;
  /** Time from the restart until everything of the scenario had arrived, in milliseconds. */
  recoveryMs: number | null;
  violations: Violation[];
}

const hook = fileURLToPath(new URL("./hook.ts", import.meta.url));
const calmMs = 15_000;
/** Messages of a scenario in both directions: texts, a file, and a send over SQS. */
const messages = 12;
/** How often the scenario runs to find crash points: some depend on what happens at the same time. */
const discoveryRounds = 3;
const mix = { file: 4, queue: 3, query: 4, schedule: 4, bulk: 4 };
/** How often the scenario runs at most until a process has reached a crash point. */
const crashRounds = 2;
/** How long the scenario waits for the end of its work, in milliseconds. */
const scenarioLimitMs = 120_000;

export interface StageOptions {
  path: Path;
  load: number;
}

/** A gateway with one process of each kind, which can be stopped at crash points. */
export class Stage {
  /** All sites of the gateway's source files, reached or not. */
  readonly sites: readonly string[];
  readonly #world: World;
  readonly #rest: Rest;
  readonly #account: Account;
  readonly #traffic: Traffic;
  readonly #faults: InjectedFault[] = [];
  /** The violations of earlier crashes, which the record still contains. */
  readonly #known = new Set<string>();
  readonly #options: StageOptions;

  static async start(folder: string, options: StageOptions): Promise<Stage> {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "sources.json");
    const sites = writeSources(file);
    const nodeArguments = ["--import", hook];
    const world = await World.start({
      folder,
      hosts: 1,
      workers: options.path === "direct" ? 0 : 1,
      shards: 1,
      path: options.path,
      whole: options.path === "direct",
      nodeArguments: { host: nodeArguments, gateway: nodeArguments, worker: nodeArguments, api: nodeArguments },
      env: { CRASH_POINTS_SOURCES: file },
    });
    const rest = new Rest(world, { inARow: 1 });
    const account = await linkAccount(world, rest, 0, { sink: true });
    const traffic = await Traffic.start(world, rest, [account], "crash", mix);
    return new Stage(sites, { world, rest, account, traffic, options });
  }

  private constructor(
    sites: readonly string[],
    parts: { world: World; rest: Rest; account: Account; traffic: Traffic; options: StageOptions },
  ) {
    this.sites = sites;
    this.#world = parts.world;
    this.#rest = parts.rest;
    this.#account = parts.account;
    this.#traffic = parts.traffic;
    this.#options = parts.options;
  }

  get #victims(): readonly Victim[] {
    return victimsOf[this.#options.path];
  }

  /** Runs the scenario without a crash, and returns the crash points that the processes reach. */
  async discover(): Promise<Point[]> {
    for (const victim of this.#victims) order(this.#world.process(victim), { crashPoints: "record" });
    for (let round = 0; round < discoveryRounds; round++) {
      await this.#scenario();
      await quiesce(this.#world, [this.#account]);
    }
    const points = await Promise.all(
      this.#victims.map(async (victim) => {
        const reached = (await reachedBy(this.#world.process(victim))) ?? [];
        return reached.sort().map((at) => ({ victim, at }));
      }),
    );
    return points.flat();
  }

  /** Stops a process at a crash point during the scenario, starts it again, and checks what all scenarios have left behind. */
  async crash(point: Point): Promise<PointResult> {
    const child = this.#world.process(point.victim);
    const startedAt = this.#world.now();
    order(child, { crashPoints: "stop", at: point.at });
    let healedAt = startedAt;
    const waiting = new AbortController();
    const exited = once(child.process, "exit", { signal: waiting.signal });
    const restarted = exited.then(
      async () => {
        await this.#world.start(point.victim);
        healedAt = this.#world.now();
      },
      () => undefined,
    );
    for (let round = 0; round < crashRounds && child.running; round++) {
      await this.#scenario();
      await quiesce(this.#world, [this.#account]);
    }
    const stopped = !(await disarm(child));
    // Without this, a later end of the process would start it twice.
    if (!stopped) waiting.abort();
    await restarted;
    const recoveredAt = this.#world.now();
    this.#faults.push({
      kind: `${point.victim} stopped at ${point.at}`,
      instances: [this.#account.id],
      startedAt,
      healedAt,
      boundMs: restartBoundMs,
      twoSockets: false,
      recoveredAt,
    });
    const record = await collect(this.#world, [this.#account], this.#traffic, this.#faults);
    const violations = check(record, { calmMs, load: this.#options.load }).filter(({ rule, detail }) => {
      const known = this.#known.has(`${rule} ${detail}`);
      this.#known.add(`${rule} ${detail}`);
      return !known;
    });
    return { ...point, stopped, recoveryMs: stopped ? Math.round(recoveredAt - healedAt) : null, violations };
  }

  async stop(): Promise<void> {
    await this.#traffic.queue.stop();
    await this.#account.sink?.stop();
    await this.#rest.close();
    await this.#world.stop();
  }

  /** Exchanges messages in both directions, and reacts to one. */
  async #scenario(): Promise<void> {
    const before = this.#traffic.inbound.length;
    const reacting = (async () => {
      const first = await until(async () => this.#traffic.inbound[before], scenarioLimitMs);
      const path = `/api/whatsapp/${this.#account.id}/messages/${first.messageId}/reaction`;
      // A reaction is not repeated, because it has no idempotency key: its command must end, whatever the result.
      await this.#rest.once("POST", path, { reaction: "👍" }).catch(() => undefined);
    })();
    await Promise.all([this.#traffic.send(messages), reacting]);
    const end = performance.now() + scenarioLimitMs;
    while (this.#traffic.underWay([this.#account.id]).length > 0 && performance.now() < end) await sleep(20);
  }
}
