import { readFileSync } from "node:fs";
import { memoryOf } from "../history-import/memory.ts";

/** What a phase took. */
export interface Phase {
  name: string;
  seconds: number;
  /** CPU time of the session host, in seconds. */
  cpu: number;
  /** The highest resident memory of the host and of its workers, in megabytes. */
  host: number;
  workers: number;
}

/** Clock ticks of Linux, in which /proc/<pid>/stat counts CPU time. */
const ticksPerSecond = 100;

/** Returns the CPU time of a process in seconds. Linux only. */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the name in parentheses, which can contain spaces. utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Runs a phase, and measures it. */
export async function measure(name: string, host: number, work: () => Promise<unknown>): Promise<Phase> {
  const [startedAt, cpuBefore] = [performance.now(), cpuOf(host)];
  const peak = memoryOf(host);
  const timer = setInterval(() => {
    const now = memoryOf(host);
    peak.host = Math.max(peak.host, now.host);
    peak.workers = Math.max(peak.workers, now.workers);
  }, 500);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return { name, seconds: (performance.now() - startedAt) / 1000, cpu: cpuOf(host) - cpuBefore, ...peak };
}

export function print(phases: readonly Phase[]): void {
  console.log("| phase | seconds | CPU of the host, s | memory of the host, MB | of its workers, MB |");
  console.log("| --- | --- | --- | --- | --- |");
  for (const { name, seconds, cpu, host, workers } of phases)
    console.log(`| ${name} | ${[seconds, cpu, host, workers].map((value) => value.toFixed(0)).join(" | ")} |`);
}
