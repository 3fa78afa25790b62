import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { sha256 } from "../../core/crypto/index.ts";

const machine = sha256(processNamespace()).toString("hex").slice(0, 12);

/** Names this process as `<machine>-<process id>`, which tells other processes on the machine which process to check. */
export const processName = `${machine}-${process.pid}`;

/**
 * Whether the process that a text names at its beginning has ended. True only if it ran in this process namespace. A
 * process that had the id of this process has ended, so pass only names that don't belong to this process.
 */
export function hasEnded(name: string): boolean {
  const [itsMachine, pid] = name.split("-");
  if (itsMachine !== machine || !pid) return false;
  return Number(pid) === process.pid || !processExists(Number(pid));
}

/**
 * Returns a value that two processes share if and only if they see each other's process ids. On Linux, this is the boot
 * id and the process namespace. Other systems have no namespaces, so this is the host name.
 */
function processNamespace(): string {
  try {
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8")} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
