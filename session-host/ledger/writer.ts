import type postgres from "postgres";
import type { Vault } from "../../core/crypto/index.ts";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import type { Ids } from "../../core/id.ts";
import type { Change } from "./change.ts";

/** A change that waits to be committed. */
export interface Recorded {
  instanceId: string;
  change: Change;
  at: Date;
}

/** The changes that one transaction commits, in the order in which they were appended. */
export interface Batch {
  sql: postgres.TransactionSql;
  changes: readonly Recorded[];
  vault: Vault;
  ids: Ids;
}

/** An event of a change. An event that may be reported twice has an id of its own (`derivedEventId`). */
export type ChangeEvent = NewEvent & { id?: string };

/** Stores one field of `Change` for a whole batch. */
export interface Writer<Result = unknown> {
  write(batch: Batch): Promise<Result>;
  /**
   * The events that a change announces, in order: one slot per event that it can announce, undefined where nothing changed.
   * The number of slots depends on the change alone, so that each slot keeps its event id when the batch is committed again.
   * Called once per change, in the order of the batch.
   */
  events?(recorded: Recorded, result: Result): (ChangeEvent | undefined)[];
  /** Whether the write left replies to commands of the ingress queue. */
  hasReplies?(result: Result): boolean;
}

/** Returns the values of one field in the batch's changes, each with its instance and the time of its change. */
export function rowsOf<Item extends object>(
  { changes }: Batch,
  field: (change: Change) => readonly Item[] | undefined,
) {
  return changes.flatMap(({ instanceId, change, at }) =>
    (field(change) ?? []).map((item) => ({ instanceId, at, ...item })),
  );
}

/** Runs one statement for each value of a field that is rare. Returns the results by value. */
export async function writeEach<Item, Result>(
  { changes }: Batch,
  field: (change: Change) => readonly Item[] | undefined,
  write: (item: Item, recorded: Recorded) => PromiseLike<Result>,
): Promise<Map<Item, Result>> {
  const results = changes.flatMap((recorded) =>
    (field(recorded.change) ?? []).map(async (item): Promise<[Item, Result]> => [item, await write(item, recorded)]),
  );
  return new Map(await Promise.all(results));
}

/**
 * Returns each value once. An update that joins with the batch's rows also names their keys as an array (`= any`): the
 * planner cannot estimate how many rows come out of JSON or `unnest`, and would read the whole table.
 */
export const unique = (values: readonly string[]): string[] => [...new Set(values)];
