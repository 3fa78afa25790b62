import type { Clock } from "../clock.ts";
import type { Database } from "../db/index.ts";
import type { Storage } from "../storage/index.ts";
import { uploadKey, uploadsPrefix } from "./index.ts";

/** So long a caller may use what was uploaded. */
const keptMs = 24 * 60 * 60 * 1000;
/** A bucket is listed by the thousand: often enough for files that live a day. */
const pauseMs = 60 * 60 * 1000;

const lastRuns = new WeakMap<Storage, number>();

/** Removes uploads of more than a day ago, but not what a command still waits to send. Does nothing within an hour of the last time. */
export async function pruneUploads(deps: { db: Database; storage: Storage; clock: Clock }): Promise<void> {
  const now = deps.clock.now().getTime();
  if (now - (lastRuns.get(deps.storage) ?? Number.NEGATIVE_INFINITY) < pauseMs) return;
  lastRuns.set(deps.storage, now);
  const old: string[] = [];
  for await (const { key, storedAt } of deps.storage.list(uploadsPrefix)) {
    if (now - storedAt.getTime() > keptMs) old.push(key);
  }
  if (old.length === 0) return;
  // After the list: whoever names one of these from now on is told that it has expired, or puts it there anew.
  const waiting = await deps.db.sql<{ instance_id: string; upload: string }[]>`
    select instance_id, input->>'upload' as upload from commands
    where status in ('scheduled', 'queued', 'claimed') and input ? 'upload'`;
  const needed = new Set(waiting.map((command) => uploadKey(command.instance_id, command.upload)));
  for (const key of old) if (!needed.has(key)) await deps.storage.remove(key);
}
