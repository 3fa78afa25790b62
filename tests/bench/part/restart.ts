import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import type { Profiler } from "node:inspector";
import { join } from "node:path";
import type { WhatsApp } from "../../../simulator/index.ts";
import { Bare } from "../bare/subject.ts";
import { now } from "../clock.ts";
import { WholeGateway } from "../gateway/subject.ts";
import type { Options } from "../options.ts";
import { addPackages } from "../result/profile.ts";
import type { Study } from "../result/result.ts";
import type { Cpu, Subject } from "../subject.ts";
import { linkIdle } from "./memory.ts";

/** Packages with less CPU than this share of the whole are summed up. */
const leastShare = 0.01;

interface Restart {
  seconds: number;
  cpu: Cpu;
  /** Seconds that a package ran, by its name. */
  packages: Map<string, number>;
}

/** Links instances, restarts the process, and measures what it takes until all instances are connected again. */
async function measureRestart(
  wa: WhatsApp,
  subject: Subject,
  series: string,
  instances: number,
  folder: string,
  progress: (text: string) => void,
): Promise<Restart> {
  await linkIdle(wa, subject, series, { from: 0, to: instances }, (linked) =>
    progress(`restart of ${subject.name}: ${linked} of ${instances} linked`),
  );
  progress(`restart of ${subject.name} with ${instances} instances`);
  const startedAt = now();
  await subject.restart({ profile: true });
  const seconds = (now() - startedAt) / 1000;
  // The process is new, so this is its CPU time since its start.
  const cpu = await subject.cpu();
  const packages = await profileOf(subject, folder);
  return { seconds, cpu, packages };
}

async function profileOf(subject: Subject, folder: string): Promise<Map<string, number>> {
  const prefix = `restart-${subject.name}`;
  await subject.probes.stopProfile(join(folder, prefix));
  const packages = new Map<string, number>();
  for (const file of readdirSync(folder).filter((name) => name.startsWith(prefix) && name.endsWith(".cpuprofile")))
    addPackages(JSON.parse(readFileSync(join(folder, file), "utf8")) as Profiler.Profile, packages);
  return packages;
}

const starts: readonly ((wa: WhatsApp, folder: string, options: Options) => Promise<Subject>)[] = [
  (wa, folder) => Bare.start(wa, folder),
  (wa, folder, options) => WholeGateway.start(wa, folder, options),
];

/** Measures a restart with the largest number of instances of the options, next to bare Baileys. */
export const restart: Study = async ({ wa, folder, options, keep, progress, addProblem }) => {
  const instances = options.instances.at(-1) ?? 1;
  const measured: Restart[] = [];
  for (const [index, start] of starts.entries()) {
    const own = join(folder, String(index));
    mkdirSync(own, { recursive: true });
    const subject = await start(wa, own, options);
    try {
      measured.push(await measureRestart(wa, subject, String(5 + index), instances, own, progress));
    } finally {
      await subject.stop();
      for (const problem of subject.problems) addProblem(`${subject.name}: ${problem}`);
    }
  }
  const [bare, gateway] = measured;
  if (!bare || !gateway) throw new Error("the restarts were not measured");
  const add = (name: string, unit: string, of: (one: Restart) => number) =>
    keep({ name, unit, value: of(gateway), bare: of(bare), section: "restart" });
  add(`restart until ${instances} are connected`, "s", ({ seconds }) => seconds);
  add("CPU of the process", "s", ({ cpu }) => cpu.process);
  add("CPU of Postgres", "s", ({ cpu }) => cpu.postgres ?? Number.NaN);
  add("CPU of the process per instance", "ms", ({ cpu }) => (cpu.process / instances) * 1000);
  for (const [name, of] of sharesOf(bare, gateway)) add(name, "ms per instance", (one) => (of(one) / instances) * 1000);
};

/** Returns the packages that use a relevant share of the CPU in either process, and the rest, in descending order. */
function sharesOf(bare: Restart, gateway: Restart): [name: string, of: (one: Restart) => number][] {
  const total = ({ packages }: Restart) => packages.values().reduce((sum, seconds) => sum + seconds, 0);
  const totals = new Map([bare, gateway].map((one) => [one, total(one)]));
  const seconds = (one: Restart, name: string) => one.packages.get(name) ?? 0;
  const names = [...new Set([...bare.packages.keys(), ...gateway.packages.keys()])];
  const isRelevant = (name: string) =>
    [bare, gateway].some((one) => seconds(one, name) >= leastShare * (totals.get(one) ?? 0));
  const [relevant, rest] = [names.filter(isRelevant), names.filter((name) => !isRelevant(name))];
  relevant.sort((one, other) => seconds(gateway, other) - seconds(gateway, one));
  return [
    ...relevant.map((name): [string, (one: Restart) => number] => [`— in ${name}`, (one) => seconds(one, name)]),
    ["— in all others", (one) => rest.reduce((sum, name) => sum + seconds(one, name), 0)],
  ];
}
