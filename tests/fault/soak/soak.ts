import { mkdirSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { check, type Violation } from "../suite/record/checker.ts";
import { type Account, linkAccount } from "../suite/world/accounts.ts";
import { collect, quiesce } from "../suite/world/collect.ts";
import { Rest } from "../suite/world/rest.ts";
import { Traffic } from "../suite/world/traffic.ts";
import { World } from "../suite/world/world.ts";
import type { TimedSample } from "./flatness.ts";
import type { SoakOptions } from "./options.ts";
import type { Sample } from "./probe.ts";

export interface SoakResult {
  options: SoakOptions;
  messages: number;
  /** The samples of each process. */
  samples: Record<string, TimedSample[]>;
  violations: Violation[];
}

const probe = fileURLToPath(new URL("./probe.ts", import.meta.url));
const calmMs = 15_000;
const accountsAtOnce = 4;

/** Links the instances, sends messages at a constant pace, and samples the processes of the gateway. */
export async function soak(
  options: SoakOptions,
  folder: string,
  progress: (text: string) => void,
): Promise<SoakResult> {
  const probes = join(folder, "probes");
  mkdirSync(probes, { recursive: true });
  const programs = ["--import", probe];
  const world = await World.start({
    folder,
    shards: 8,
    nodeArguments: { host: programs, api: programs, worker: programs },
    env: { SOAK_PROBES: probes },
  });
  const rest = new Rest(world);
  try {
    const accounts = await linkAll(world, rest, options.instances, progress);
    const traffic = await Traffic.start(world, rest, accounts, "soak");
    const started = performance.now();
    const minute = () => (performance.now() - started) / 60_000;
    const samples: Record<string, TimedSample[]> = {};
    const sending = traffic.sendAtPace(options.perSecond, options.minutes * 60_000);
    while (minute() < options.minutes) {
      for (const [name, child] of world.processes) {
        const taken = await sampleOf(join(probes, `${child.pid}.sock`));
        samples[name] = [...(samples[name] ?? []), { minute: minute(), ...taken }];
      }
      progress(`minute ${minute().toFixed(1)}: ${traffic.sent} messages`);
      await sleep(options.everySeconds * 1000);
    }
    await sending;
    await quiesce(world, accounts);
    await traffic.queue.stop();
    const record = await collect(world, accounts, traffic, []);
    return { options, messages: traffic.sent, samples, violations: check(record, { calmMs, load: options.load }) };
  } finally {
    await rest.close();
    await world.stop();
  }
}

async function linkAll(world: World, rest: Rest, count: number, progress: (text: string) => void): Promise<Account[]> {
  const accounts: Account[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: accountsAtOnce }, async () => {
      for (let index = next++; index < count; index = next++) {
        accounts.push(await linkAccount(world, rest, index, { peers: 1 }));
        if (accounts.length % 20 === 0) progress(`${accounts.length} instances are linked`);
      }
    }),
  );
  return accounts;
}

function sampleOf(socketPath: string): Promise<Sample> {
  return new Promise((resolve, reject) => {
    const query = request({ socketPath, agent: false }, async (response) => {
      try {
        resolve(JSON.parse(Buffer.concat(await Array.fromAsync(response as AsyncIterable<Buffer>)).toString()));
      } catch (error) {
        reject(error);
      }
    });
    query.on("error", reject).end();
  });
}
