import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { sha256 } from "../../core/crypto/index.ts";

/** Who this host is, and how it can tell that another one is dead. */
export interface HostIdentity {
  id: string;
  /** True only when that host ran among the processes we can see, and its process is gone. */
  isDead(id: string): boolean;
}

/** `<machine>-<process id>-<random>`: unique, and telling to another host of the same machine. */
export function hostIdentity(): HostIdentity {
  const machine = sha256(processSpace()).toString("hex").slice(0, 12);
  return {
    id: `${machine}-${process.pid}-${randomUUID().slice(0, 8)}`,
    isDead(id) {
      const [where, pid] = id.split("-");
      if (where !== machine || !pid) return false;
      return Number(pid) === process.pid || !processExists(Number(pid));
    },
  };
}

/**
 * What two processes share if and only if they see each other's process ids: on Linux the boot and the process namespace.
 * Elsewhere there are no namespaces, and the name of the machine does.
 */
function processSpace(): string {
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
