import { randomOf } from "../../support/random.ts";

/** The time after a fault within which everything must go on, in milliseconds: see docs/operations/reliability.md. */
export const restartBoundMs = 15_000;
export const deathBoundMs = 30_000;

/** How long the cause of a fault lasts, in milliseconds. */
type Duration = readonly [least: number, most: number];
const leaseOutlasted: Duration = [14_000, 16_000];
const brief: Duration = [1_000, 5_000];
const none: Duration = [0, 0];

/** Every kind of fault, with the range of its duration and the bound for the recovery. */
export const faultKinds = {
  "host killed": { duration: none, boundMs: restartBoundMs },
  "host dead": { duration: none, boundMs: deathBoundMs },
  "host frozen": { duration: leaseOutlasted, boundMs: restartBoundMs },
  "host replaced": { duration: none, boundMs: restartBoundMs },
  "worker killed": { duration: none, boundMs: restartBoundMs },
  "all workers killed": { duration: none, boundMs: restartBoundMs },
  "api killed": { duration: none, boundMs: restartBoundMs },
  "everything killed": { duration: none, boundMs: restartBoundMs },
  "database restarted": { duration: none, boundMs: restartBoundMs },
  "database cut": { duration: brief, boundMs: restartBoundMs },
  "database cut past the lease": { duration: leaseOutlasted, boundMs: deathBoundMs },
  "queue errors": { duration: brief, boundMs: restartBoundMs },
  "queue answers lost": { duration: brief, boundMs: restartBoundMs },
  "queue duplicates": { duration: brief, boundMs: restartBoundMs },
  "storage errors": { duration: brief, boundMs: restartBoundMs },
  "connection replaced": { duration: [1_000, 2_000], boundMs: restartBoundMs },
  "stream restarted": { duration: none, boundMs: restartBoundMs },
  "connection cut": { duration: none, boundMs: restartBoundMs },
  "link silent": { duration: [3_000, 8_000], boundMs: deathBoundMs },
  "link slow": { duration: brief, boundMs: restartBoundMs },
  "messages corrupt": { duration: none, boundMs: restartBoundMs },
  "receipts reordered": { duration: brief, boundMs: restartBoundMs },
  "endpoint fails": { duration: brief, boundMs: restartBoundMs },
  "endpoint hangs": { duration: brief, boundMs: restartBoundMs },
  "endpoint redirects": { duration: brief, boundMs: restartBoundMs },
} as const satisfies Record<string, { duration: Duration; boundMs: number }>;
export type FaultKind = keyof typeof faultKinds;

export interface PlannedFault {
  kind: FaultKind;
  /** The fault begins when this many messages were sent, in both directions together. */
  atMessage: number;
  /** How long the cause lasts, in milliseconds. */
  durationMs: number;
  /** Selects the host, the worker or the instance: the remainder of a division by their number. */
  target: number;
  /** Whether the fault begins even though the gateway has not recovered from the fault before. */
  overlaps: boolean;
}

export interface Plan {
  seed: number;
  messages: number;
  instances: number;
  faults: PlannedFault[];
}

export interface PlanOptions {
  messages: number;
  instances: number;
  faults: number;
  /** The kinds to choose from. Default: all. */
  kinds?: readonly FaultKind[];
}

const allKinds = Object.keys(faultKinds) as FaultKind[];

/** Returns the plan of a run. It depends on nothing but the arguments. */
export function planOf(seed: number, { messages, instances, faults, kinds = allKinds }: PlanOptions): Plan {
  const random = randomOf(seed);
  const shuffled = [...kinds];
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [shuffled[last], shuffled[other]] = [shuffled[other] as FaultKind, shuffled[last] as FaultKind];
  }
  // The last tenth has no new faults, so that the recovery from the last fault is seen under traffic.
  const gap = (messages * 0.9) / faults;
  return {
    seed,
    messages,
    instances,
    faults: Array.from({ length: faults }, (_, index) => {
      const kind = shuffled[index % shuffled.length] as FaultKind;
      const [least, most] = faultKinds[kind].duration;
      return {
        kind,
        atMessage: Math.floor(gap * (index + 0.2 + 0.6 * random())),
        durationMs: Math.round(least + (most - least) * random()),
        target: Math.floor(random() * 1024),
        overlaps: random() < 0.2,
      };
    }),
  };
}
