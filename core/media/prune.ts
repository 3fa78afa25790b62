import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import type { Storage } from "../storage/index.ts";
import { uploadKey, uploadsPrefix } from "./index.ts";

/** How long an upload can be used. */
const keptMs = 24 * 60 * 60 * 1000;
/** Minimum time between two runs, because listing a bucket is expensive. */
const pauseMs = 60 * 60 * 1000;

const lastRuns = new WeakMap<Storage, number>();

/** Removes uploads that are older than a day, except those that a command still needs. Runs at most once an hour. */
export async function pruneUploads(deps: { db: Database; storage: Storage; clock: Clock }): Promise<void> {
  const now = deps.clock.now().getTime();
  if (now - (lastRuns.get(deps.storage) ?? Number.NEGATIVE_INFINITY) < pauseMs) return;
  lastRuns.set(deps.storage, now);
  const old: string[] = [];
  for await (const { key, storedAt } of deps.storage.list(uploadsPrefix)) {
    if (now - storedAt.getTime() > keptMs) old.push(key);
  }
  if (old.length === 0) return;
  // Read after the listing: a later command with one of these uploads is rejected as expired, or uploads it again.
  const waiting = await deps.db.sql<{ instance_id: string; upload: string }[]>`
    select instance_id, input->>'upload' as upload from commands
    where status in ('scheduled', 'queued', 'claimed') and input ? 'upload'`;
  const needed = new Set(waiting.map((command) => uploadKey(command.instance_id, command.upload)));
  for (const key of old) if (!needed.has(key)) await deps.storage.remove(key);
}
