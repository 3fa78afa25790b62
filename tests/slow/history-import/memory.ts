import { readdirSync, readFileSync } from "node:fs";

/** The memory of the session host and of its worker processes, in megabytes. */
export interface HostMemory {
  host: number;
  workers: number;
}

/** Returns the process id of the session host that this process has started. Linux only. */
export function findHost(): number {
  const found = childrenOf(process.pid).find((pid) => commandOf(pid).includes("session-host/main.ts"));
  if (found === undefined) throw new Error("there is no process of a session host");
  return found;
}

export function memoryOf(host: number): HostMemory {
  const workers = childrenOf(host).filter((pid) => commandOf(pid).includes("worker.ts"));
  return { host: residentOf(host), workers: workers.reduce((sum, pid) => sum + residentOf(pid), 0) };
}

const read = (pid: number, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // The process has ended.
    return "";
  }
};

const commandOf = (pid: number) => read(pid, "cmdline").replaceAll("\0", " ");
const residentOf = (pid: number) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(pid, "status"))?.[1] ?? 0) / 1024;

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => Number(/^PPid:\s+(\d+)$/m.exec(read(pid, "status"))?.[1]) === parent);
}
