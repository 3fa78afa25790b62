import { setTimeout as sleep } from "node:timers/promises";
import type { WhatsApp } from "../../../simulator/index.ts";
import { now } from "../clock.ts";
import type { Options } from "../options.ts";
import type { Holding } from "../result/result.ts";
import { sum } from "../result/statistics.ts";
import { inLanes, type Subject } from "../subject.ts";

/** Concurrent first logins. Each generates 812 keys in one go, and WhatsApp waits only a limited time for the keys. */
const linksAtOnce = 4;

/** Links instances to phones that do nothing. Calls `onProgress` from time to time. */
export async function linkIdle(
  wa: WhatsApp,
  subject: Subject,
  series: string,
  { from, to }: { from: number; to: number },
  onProgress: (linked: number) => void,
): Promise<void> {
  let linked = from;
  const phones = await Promise.all(
    Array.from({ length: to - from }, (_, index) =>
      wa.addPhone({ number: `49155${series}${String(from + index).padStart(5, "0")}`, pushName: "idle" }),
    ),
  );
  await inLanes(phones, linksAtOnce, async (phone) => {
    await subject.link(phone);
    linked++;
    if (linked % 25 === 0 && linked < to) onProgress(linked);
  });
}

/** Links more and more instances and measures the subject's memory at each number, then again after a restart with all. */
export async function measureMemory(
  wa: WhatsApp,
  subject: Subject,
  series: string,
  options: Pick<Options, "instances" | "rest">,
  keep: (holding: Holding) => void,
  progress: (text: string) => void,
): Promise<void> {
  let startedAt = now();
  let linked = 0;
  const measure = async (state: Holding["state"]) => {
    const tookMs = now() - startedAt;
    await sleep(options.rest);
    const before = (await subject.cpu()).process;
    const idleSince = now();
    await sleep(options.rest);
    const idleCpu = ((await subject.cpu()).process - before) / ((now() - idleSince) / 1000);
    const memory = await subject.memory();
    const total = (of: "rss" | "heapUsed" | "external") => sum(memory.map((one) => one[of]));
    const use = { rss: total("rss"), heapUsed: total("heapUsed"), external: total("external") };
    keep({ subject: subject.name, instances: linked, state, ...use, idleCpu, tookMs });
    const megabytes = Math.round(use.rss / 2 ** 20);
    progress(
      `memory of ${subject.name}, ${linked} ${state}: ${megabytes} MiB, after ${Math.round(tookMs / 100) / 10} s`,
    );
    startedAt = now();
  };
  await measure("linked");
  for (const number of options.instances) {
    await linkIdle(wa, subject, series, { from: linked, to: number }, (count) =>
      progress(`memory of ${subject.name}: ${count} of ${number} linked`),
    );
    linked = number;
    await measure("linked");
  }
  startedAt = now();
  await subject.restart();
  await measure("logged in again");
}
