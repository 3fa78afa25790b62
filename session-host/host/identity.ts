import { randomUUID } from "node:crypto";
import { hasEnded, processName } from "../concurrency/process.ts";

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
  return { id: `${processName}-${randomUUID().slice(0, 8)}`, isDead: hasEnded };
}
