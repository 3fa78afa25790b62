import { setTimeout as sleep } from "node:timers/promises";
import type { Path } from "./path.ts";
import { type FaultKind, faultKinds, type Plan, type PlannedFault } from "./plan.ts";
import { check, type Violation } from "./record/checker.ts";
import { recoveryMs } from "./record/lateness.ts";
import type { InjectedFault } from "./record/record.ts";
import { linkAccount } from "./world/accounts.ts";
import { collect, handedOver, quiesce } from "./world/collect.ts";
import { inject, type Scene } from "./world/inject.ts";
import { Rest } from "./world/rest.ts";
import { Traffic } from "./world/traffic.ts";
import { World } from "./world/world.ts";

export interface FaultResult {
  kind: FaultKind;
  /** Time from the end of the cause until everything that was under way had arrived, without the periods of other faults. */
  recoveryMs: number | null;
  /** The same with the periods of other faults. The first results don't have it. */
  tookMs?: number | null;
}

/** What a run has shown. */
export interface RunResult {
  seed: number;
  path: Path;
  /** Messages sent, in both directions together. */
  messages: number;
  events: number;
  /** Commands that the API handed to a session host of its process. */
  handedOver: number;
  /** Copies of messages that phones dropped because they had the message. */
  droppedCopies: number;
  /** Webhooks that arrived again. */
  repeatedWebhooks: number;
  faults: FaultResult[];
  violations: Violation[];
  seconds: number;
  load: number;
}

/** Time for a message while nothing is broken, in milliseconds. */
const calmMs = 15_000;
/** The delay of each stanza, in each direction, in milliseconds. */
const latency = { minMs: 20, maxMs: 150 };
/** How long a run waits for the recovery from one fault, and for the end of all work, in milliseconds. */
const recoveryLimitMs = 120_000;
/** Messages that are sent after the moment of a fault while the gateway still recovers from the fault before. */
const aheadOfFault = 200;

/** Runs a plan in an empty folder, and checks what it has left behind. */
export async function runPlan(
  plan: Plan,
  folder: string,
  { load, path }: { load: number; path: Path },
): Promise<RunResult> {
  const started = performance.now();
  const world = await World.start({ folder, path, latency: { ...latency, seed: plan.seed } });
  const rest = new Rest(world);
  try {
    const accounts = await Promise.all(
      Array.from({ length: plan.instances }, (_, index) => linkAccount(world, rest, index, { sink: index === 0 })),
    );
    const traffic = await Traffic.start(world, rest, accounts, String(plan.seed));
    const [faults] = await Promise.all([
      injectAll({ world, rest, accounts }, plan.faults, traffic),
      traffic.send(plan.messages),
    ]);
    await quiesce(world, accounts);
    await traffic.queue.stop();
    for (const { sink } of accounts) await sink?.stop();
    const record = await collect(world, accounts, traffic, faults);
    return {
      seed: plan.seed,
      path,
      messages: traffic.sent,
      events: record.events.length,
      handedOver: await handedOver(world),
      droppedCopies: record.shown.reduce((sum, { copies }) => sum + copies - 1, 0),
      repeatedWebhooks: record.webhooks.length - new Set(record.webhooks.map(({ eventId }) => eventId)).size,
      faults: faults.map((fault) => {
        const took = recoveryMs(fault, faults, load);
        const { healedAt, recoveredAt } = fault;
        return {
          kind: fault.kind as FaultKind,
          recoveryMs: took === null ? null : Math.round(took),
          tookMs: recoveredAt === null ? null : Math.round(recoveredAt - healedAt),
        };
      }),
      violations: check(record, { calmMs, load }),
      seconds: Math.round((performance.now() - started) / 1000),
      load,
    };
  } finally {
    await rest.close();
    await world.stop();
  }
}

/** Injects the faults of a plan while traffic flows. A fault waits for the recovery from the one before, unless it overlaps. */
async function injectAll(scene: Scene, planned: readonly PlannedFault[], traffic: Traffic): Promise<InjectedFault[]> {
  const injected: InjectedFault[] = [];
  let active: Promise<unknown>[] = [];
  for (const fault of planned) {
    // The traffic doesn't run ahead of the faults.
    traffic.limit = fault.atMessage + aheadOfFault;
    if (!fault.overlaps) {
      await Promise.all(active);
      active = [];
    }
    await traffic.reached(fault.atMessage);
    const injecting = injectOne(scene, fault, traffic).then((done) => void injected.push(done));
    active.push(injecting.catch((error: unknown) => void traffic.problems.push(`${fault.kind}: ${error}`)));
  }
  traffic.limit = Number.POSITIVE_INFINITY;
  await Promise.all(active);
  return injected;
}

async function injectOne(scene: Scene, fault: PlannedFault, traffic: Traffic): Promise<InjectedFault> {
  const { world } = scene;
  const startedAt = world.now();
  const { instances, twoSockets = false, repair } = await inject(scene, fault);
  const healedAt = world.now();
  const recoveredAt = await recovery(world, traffic, instances);
  await repair?.();
  const { boundMs } = faultKinds[fault.kind];
  return { kind: fault.kind, instances, startedAt, healedAt, boundMs, twoSockets, recoveredAt };
}

/** Waits until everything has arrived that is under way now. Returns the time when it had, or null. */
async function recovery(world: World, traffic: Traffic, instances: readonly string[]): Promise<number | null> {
  const end = performance.now() + recoveryLimitMs;
  let left = traffic.underWay(instances);
  while (left.length > 0) {
    if (performance.now() > end) return null;
    await sleep(50);
    left = left.filter((id) => !traffic.hasArrived(id));
  }
  return world.now();
}
