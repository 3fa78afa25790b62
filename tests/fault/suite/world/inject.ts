import { setTimeout as sleep } from "node:timers/promises";
import { node } from "../../../../simulator/wire/node.ts";
import { until } from "../../../support/until.ts";
import type { FaultKind, PlannedFault } from "../plan.ts";
import type { AwsFault } from "../process/aws-proxy.ts";
import type { Account } from "./accounts.ts";
import type { Answer as EndpointAnswer } from "./endpoints.ts";
import type { Rest } from "./rest.ts";
import type { ProcessName, World } from "./world.ts";

/** Where a fault is injected. */
export interface Scene {
  world: World;
  rest: Rest;
  accounts: readonly Account[];
}

/** What a fault affects. `twoSockets`: an older socket can stay open beside a new one, because its process or link is frozen. */
export interface Effect {
  instances: string[];
  twoSockets?: boolean;
  /** Repairs what the gateway must first recover from without a repair. */
  repair?: () => Promise<unknown>;
}

type Injector = (scene: Scene, fault: PlannedFault) => Promise<Effect>;

/**
 * Injects a fault. Resolves when its cause is gone: the process has been started again, the link is back. Faults of one
 * process wait for each other.
 */
export function inject(scene: Scene, fault: PlannedFault): Promise<Effect> {
  return injectors[fault.kind](scene, fault);
}

/** How long a host may take to start, or an instance to connect, on a busy machine. Milliseconds. */
const startLimitMs = 300_000;

const pick = <Item>(items: readonly Item[], { target }: PlannedFault): Item => {
  const item = items[target % items.length];
  if (item === undefined) throw new Error("there is nothing to choose from");
  return item;
};
const all = ({ accounts }: Scene): Effect => ({ instances: accounts.map(({ id }) => id) });
const one = (account: Account): Effect => ({ instances: [account.id] });

/** Faults that are injected at the same time take turns with a process. */
const turns = new WeakMap<World, Map<string, Promise<unknown>>>();
async function inTurn<Result>(world: World, name: string, work: () => Promise<Result>): Promise<Result> {
  const names = turns.get(world) ?? new Map<string, Promise<unknown>>();
  turns.set(world, names);
  const run = (names.get(name) ?? Promise.resolve()).then(work, work);
  names.set(
    name,
    run.catch(() => undefined),
  );
  return await run;
}

async function restart(world: World, name: ProcessName): Promise<void> {
  await inTurn(world, name, async () => {
    await world.process(name).end("SIGKILL");
    await world.start(name);
  });
}

/** Ends a process. Returns a function that starts it again. */
async function leaveDead(world: World, name: ProcessName): Promise<() => Promise<void>> {
  const dead = Promise.withResolvers<void>();
  const repair = Promise.withResolvers<void>();
  const repaired = inTurn(world, name, async () => {
    await world.process(name).end("SIGKILL");
    dead.resolve();
    await repair.promise;
    await world.start(name);
  });
  await dead.promise;
  return () => {
    repair.resolve();
    return repaired;
  };
}

async function freezeHost({ world }: Scene, fault: PlannedFault): Promise<void> {
  const name = pick(world.hostNames, fault);
  await inTurn(world, name, async () => {
    const host = world.process(name);
    host.signal("SIGSTOP");
    await sleep(fault.durationMs);
    host.signal("SIGCONT");
  });
}

/** Starts a second host, and ends the first with SIGTERM when the second reports to the database. */
async function replaceHost({ world }: Scene, fault: PlannedFault): Promise<void> {
  const name = pick(world.hostNames, fault);
  await inTurn(world, name, async () => {
    const old = world.process(name);
    const next = await world.start(name);
    await until(
      async () => (await world.query((sql) => sql`select from hosts where id like ${`%-${next.pid}-%`}`))[0],
      startLimitMs,
    );
    await old.end("SIGTERM");
  });
}

async function killEverything({ world }: Scene): Promise<void> {
  const names = world.processNames;
  const ended = async () => {
    await Promise.all([...names.map((name) => world.process(name).end("SIGKILL")), world.aws.end("SIGKILL")]);
    await world.restartAws();
    await Promise.all(names.map((name) => world.start(name)));
  };
  // Waits for the faults of each process that are under way.
  await names.reduce<() => Promise<void>>((inner, name) => () => inTurn(world, name, inner), ended)();
}

async function cutDatabase({ world }: Scene, { durationMs }: PlannedFault): Promise<void> {
  await inTurn(world, "database", async () => {
    await world.network.request("cutDatabase");
    await sleep(durationMs);
    await world.network.request("restoreDatabase");
  });
}

async function breakAws({ world }: Scene, { durationMs, target }: PlannedFault, fault: Omit<AwsFault, "seed">) {
  await inTurn(world, "network to AWS", async () => {
    await world.network.request("fault", { ...fault, seed: target } satisfies AwsFault);
    await sleep(durationMs);
    await world.network.request("fault", null);
  });
}

async function breakEndpoint(scene: Scene, fault: PlannedFault, answer: EndpointAnswer): Promise<Effect> {
  const account = pick(scene.accounts, fault);
  const { endpoints } = scene.world;
  await inTurn(scene.world, `endpoint ${account.index}`, async () => {
    endpoints.answer(account.index, answer);
    await sleep(fault.durationMs);
    endpoints.answer(account.index, "accepts");
  });
  return one(account);
}

const deviceOf = ({ world }: Scene, { owner }: Account) => world.wa.device(owner.number);

/** Returns the open socket of an instance, as soon as there is one. */
const socketOf = (scene: Scene, account: Account) => until(async () => deviceOf(scene, account).socket, startLimitMs);

async function endStream(
  scene: Scene,
  account: Account,
  ...end: Parameters<NonNullable<ReturnType<typeof deviceOf>["socket"]>["end"]>
) {
  (await socketOf(scene, account)).end(...end);
}

const injectors: Record<FaultKind, Injector> = {
  "host killed": async (scene, fault) => {
    await restart(scene.world, pick(scene.world.hostNames, fault));
    return all(scene);
  },
  "host dead": async (scene, fault) => {
    const repair = await leaveDead(scene.world, pick(scene.world.hostNames, fault));
    return { ...all(scene), repair };
  },
  "host frozen": async (scene, fault) => {
    await freezeHost(scene, fault);
    return { ...all(scene), twoSockets: true };
  },
  "host replaced": async (scene, fault) => {
    await replaceHost(scene, fault);
    return all(scene);
  },
  "worker killed": async (scene, fault) => {
    await restart(scene.world, pick(scene.world.workerNames, fault));
    return all(scene);
  },
  "all workers killed": async (scene) => {
    await Promise.all(scene.world.workerNames.map((name) => restart(scene.world, name)));
    return all(scene);
  },
  "api killed": async (scene, fault) => {
    await restart(scene.world, pick(scene.world.apiNames, fault));
    return all(scene);
  },
  "everything killed": async (scene) => {
    await killEverything(scene);
    return all(scene);
  },
  "database restarted": async (scene) => {
    await inTurn(scene.world, "database", () => scene.world.restartDatabase());
    return all(scene);
  },
  "database cut": async (scene, fault) => {
    await cutDatabase(scene, fault);
    return all(scene);
  },
  "database cut past the lease": async (scene, fault) => {
    await cutDatabase(scene, fault);
    return all(scene);
  },
  "queue errors": async (scene, fault) => {
    await breakAws(scene, fault, { service: "sqs", mode: "errors" });
    return all(scene);
  },
  "queue answers lost": async (scene, fault) => {
    await breakAws(scene, fault, { service: "sqs", mode: "lost" });
    return all(scene);
  },
  "queue duplicates": async (scene, fault) => {
    await scene.world.aws.request("duplicate", 20);
    await breakAws(scene, fault, { service: "sqs", mode: "duplicates" });
    return all(scene);
  },
  "storage errors": async (scene, fault) => {
    await breakAws(scene, fault, { service: "s3", mode: "errors" });
    return all(scene);
  },
  "connection replaced": async (scene, fault) => {
    const account = pick(scene.accounts, fault);
    await endStream(scene, account, {}, node("conflict", { type: "replaced" }));
    await sleep(fault.durationMs);
    await scene.rest.repeat("POST", `/api/instances/${account.id}/reconnect`);
    return one(account);
  },
  "stream restarted": async (scene, fault) => {
    const account = pick(scene.accounts, fault);
    await endStream(scene, account, { code: "515" });
    return one(account);
  },
  "connection cut": async (scene, fault) => {
    const account = pick(scene.accounts, fault);
    await socketOf(scene, account);
    deviceOf(scene, account).faults.cut();
    return one(account);
  },
  "link silent": async (scene, fault) => {
    const account = pick(scene.accounts, fault);
    await socketOf(scene, account);
    void deviceOf(scene, account).faults.silence(fault.durationMs, fault.target % 2 ? "cut" : "resume");
    await sleep(fault.durationMs);
    return { ...one(account), twoSockets: true };
  },
  "link slow": async (scene, fault) => {
    const account = pick(scene.accounts, fault);
    deviceOf(scene, account).faults.slow(100 + (fault.target % 400));
    await sleep(fault.durationMs);
    deviceOf(scene, account).faults.slow(0);
    return one(account);
  },
  "messages corrupt": async (scene, fault) => {
    const account = pick(scene.accounts, fault);
    const { faults } = deviceOf(scene, account);
    faults.corruptIn.add(true, 1 + (fault.target % 4));
    faults.corruptOut.add(true, 1 + (fault.target % 3));
    return one(account);
  },
  "receipts reordered": async (scene, fault) => {
    const account = pick(scene.accounts, fault);
    const device = deviceOf(scene, account);
    device.faults.receipts.begin();
    await sleep(fault.durationMs);
    device.deliverHeldReceipts();
    return one(account);
  },
  "endpoint fails": (scene, fault) => breakEndpoint(scene, fault, "fails"),
  "endpoint hangs": (scene, fault) => breakEndpoint(scene, fault, "hangs"),
  "endpoint redirects": (scene, fault) => breakEndpoint(scene, fault, "redirects"),
};
