import type { InferSelectModel } from "drizzle-orm";
import { AppError } from "../error.ts";
import type { instances } from "./instance.sql.ts";

export type Instance = InferSelectModel<typeof instances>;

/**
 * How long the link of a linked instance may be away before sends are refused: a deploy or a lost connection
 * is ours to bridge, not the caller's.
 */
export const linkGraceMs = 2 * 60 * 1000;

/**
 * Throws `instance_not_connected` with the status in `data`, unless the instance is connected or, being linked, lost its
 * connection only a moment ago.
 */
export function assertSendable(instance: Instance, now: Date): void {
  if (instance.status === "connected") return;
  const away = now.getTime() - instance.statusAt.getTime();
  if (instance.status === "connecting" && instance.linkedAt && away < linkGraceMs) return;
  const reason = instance.statusReason ? `: ${instance.statusReason}` : "";
  throw new AppError("instance_not_connected", `the instance is ${instance.status}${reason}`, {
    data: { status: instance.status },
  });
}

/** In which bucket an instance lives: fixed when it is made, from its id, so that buckets fill evenly. */
export function shardOf(instanceId: string, shardCount: number): number {
  return Number.parseInt(instanceId.replaceAll("-", "").slice(-8), 16) % shardCount;
}
