import type postgres from "postgres";
import type { Vault } from "../../core/crypto/index.ts";
import type { Database } from "../../core/db/index.ts";
import { PipelinedTransaction, sent } from "../../core/db/pipeline.ts";
import { type AppendedEvent, appendEvents, type EventRow } from "../../core/event/append.ts";
import type { Ids } from "../../core/id.ts";
import type { Grant } from "../../core/shard/lease.ts";
import { inAnnouncedOrder } from "./event-order.ts";
import type { Batch, ChangeEvent, RecordedChange } from "./writer.ts";
import { writersOf } from "./writers.ts";

/** A change with what its commit needs. */
export interface CommitEntry extends RecordedChange {
  /** Ids of the events that the change can announce. A retry of the commit uses the same ids. */
  eventIds: string[];
}

export interface Committed {
  events: AppendedEvent[];
  /** Whether the commit stored replies to commands that must be sent. */
  hasReplies: boolean;
}

export interface CommitDeps {
  db: Database;
  vault: Vault;
  ids: Ids;
  host: string;
}

export interface CommitOptions {
  /** The leases of all shards that the changes belong to. */
  grants: readonly Grant[];
  /** Waits for the results of the writers before it sends `commit`. */
  stepwise?: boolean;
  /** How long a statement waits for a lock, in milliseconds. 0 is without a limit. */
  lockWaitMs?: number;
  /** How long the commit may take, in milliseconds (`PipelinedTransaction.within`). Default: no limit. */
  limitMs?: number;
}

/**
 * Commits changes in one transaction, which fails unless the host holds all the leases. If all writers are independent,
 * it sends the whole transaction without waiting for a result. Otherwise, or if `stepwise` is set, it waits for the
 * results of the writers, and then sends the events and `commit`.
 */
export async function commitChanges(
  deps: CommitDeps,
  entries: readonly CommitEntry[],
  options: CommitOptions,
): Promise<Committed> {
  const transaction = new PipelinedTransaction(deps.db);
  const committed = commitIn(transaction, deps, entries, options);
  const { limitMs } = options;
  return limitMs === undefined ? await committed : await transaction.within(limitMs, committed);
}

async function commitIn(
  transaction: PipelinedTransaction,
  { host, vault, ids }: CommitDeps,
  entries: readonly CommitEntry[],
  { grants, stepwise = false, lockWaitMs = 0 }: CommitOptions,
): Promise<Committed> {
  const writers = writersOf(entries);
  const inSteps = stepwise || !writers.every(({ independent }) => independent);
  const { sql } = transaction;
  try {
    const fence = holdLeases(sql, host, grants, lockWaitMs).execute();
    const batch: Batch = { sql, changes: entries, vault, ids, stepwise: inSteps };
    const written = transaction.watch(Promise.all([fence, ...writers.map((writer) => writer.write(batch))]));
    const results = inSteps ? (await written).slice(1) : [];
    await sent();
    const events = entries.flatMap((entry) => {
      const slots = writers.flatMap((writer, index) => writer.events?.(entry, results[index]) ?? []);
      return toRows(entry, slots, ids);
    });
    const appended = transaction.watch(appendEvents(sql, inAnnouncedOrder(events)));
    await transaction.commit();
    const [, ...replies] = await written;
    return {
      events: await appended,
      hasReplies: writers.some((writer, index) => writer.hasReplies?.(replies[index]) ?? false),
    };
  } catch (error) {
    return await transaction.rollBack(error);
  }
}

/**
 * Returns the statement that fails unless the host holds the leases, until the transaction ends. It also makes the server
 * reuse the plans of the statements that follow, because making a plan for the values takes longer than running it.
 */
function holdLeases(sql: postgres.ISql, host: string, grants: readonly Grant[], lockWaitMs: number) {
  const [grant] = grants;
  if (grants.length === 1 && grant && lockWaitMs === 0)
    return sql`
      select set_config('plan_cache_mode', 'force_generic_plan', true), fence(${grant.shard}, ${host}, ${grant.epoch})`;
  return sql`
    select set_config('plan_cache_mode', 'force_generic_plan', true),
      set_config('lock_timeout', ${String(lockWaitMs)}, true), fence(shard, ${host}, epoch)
    from unnest(${grants.map(({ shard }) => shard)}::int[], ${grants.map(({ epoch }) => epoch)}::bigint[])
      as held(shard, epoch)`;
}

function toRows(
  { instanceId, change, at, eventIds }: CommitEntry,
  slots: readonly (ChangeEvent | undefined)[],
  ids: Ids,
): EventRow[] {
  return slots.flatMap((event, slot) => {
    eventIds[slot] ??= ids.uuid();
    if (!event) return [];
    const id = event.id ?? eventIds[slot];
    return [{ ...event, id, instanceId, at, correlationId: change.correlationId ?? null }];
  });
}
