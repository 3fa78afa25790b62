import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { sha256 } from "../../core/crypto/index.ts";

/** The id of this host, and a check whether another host is dead. */
export interface HostIdentity {
  id: string;
  /** True only if the other host ran in this process namespace and its process is gone. */
  isDead(id: string): boolean;
}

/**
 * Returns the identity of this host. The id is `<machine>-<process id>-<random>`, which is unique and tells other hosts
 * on the same machine which process to check.
 */
export function hostIdentity(): HostIdentity {
  const machine = sha256(processNamespace()).toString("hex").slice(0, 12);
  return {
    id: `${machine}-${process.pid}-${randomUUID().slice(0, 8)}`,
    isDead(id) {
      const [itsMachine, pid] = id.split("-");
      if (itsMachine !== machine || !pid) return false;
      // A dead host may have had the process id that this process has now.
      return Number(pid) === process.pid || !processExists(Number(pid));
    },
  };
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
