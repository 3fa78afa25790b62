import type postgres from "postgres";
import type { Vault } from "../../core/crypto/index.ts";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import type { Ids } from "../../core/id.ts";
import type { Change } from "./change.ts";

/** A change that waits to be committed. */
export interface RecordedChange {
  instanceId: string;
  change: Change;
  at: Date;
}

/** The changes that one transaction commits, in the order in which they were appended. */
export interface Batch {
  sql: postgres.ISql;
  changes: readonly RecordedChange[];
  vault: Vault;
  ids: Ids;
  /**
   * Whether the results of the statements arrive before the transaction is committed. Otherwise, only writers that are
   * `independent` run.
   */
  stepwise: boolean;
}

/**
 * An event of a change. It has a fixed id (`derivedEventId`) if it may be reported twice. With `ifMessage`, it is
 * announced only if that row of `messages` is new.
 */
export type ChangeEvent = NewEvent & { id?: string; ifMessage?: string };

/** The fields of a change that have a writer. `correlationId` is stored with the events, `stanza` not at all. */
export type Field = Exclude<keyof Change, "correlationId" | "stanza">;

/** Stores one field of `Change` for all changes of a batch. Runs only for batches with a change that has the field. */
export interface Writer<Result = unknown> {
  write(batch: Batch): Promise<Result>;
  /**
   * Set if the writer sends all its statements without waiting for a result, and its events don't depend on results.
   * A batch that needs only such writers is committed in one round trip.
   */
  independent?: true;
  /** Other fields that the writer reads. It also runs for batches that have only these. */
  also?: readonly Field[];
  /**
   * Returns the events that a change announces, in order: one slot per event that it can announce, undefined if nothing
   * changed. The number of slots depends on the change alone, so that each slot keeps its event id when the batch is
   * committed again. Called once per change, in the order of the batch.
   */
  events?(recorded: RecordedChange, result: Result): (ChangeEvent | undefined)[];
  /** Returns whether the write stored replies to commands of the ingress queue. */
  hasReplies?(result: Result): boolean;
}

/** Returns the items of one field of all changes, each with its instance and the time of its change. */
export function rowsOf<Item extends object>(
  { changes }: Batch,
  field: (change: Change) => readonly Item[] | undefined,
) {
  return changes.flatMap(({ instanceId, change, at }) =>
    (field(change) ?? []).map((item) => ({ instanceId, at, ...item })),
  );
}

/** Runs one statement for each item of a field. Use it only for rare fields. Returns the results by item. */
export async function writeEach<Item, Result>(
  { changes }: Batch,
  field: (change: Change) => readonly Item[] | undefined,
  write: (item: Item, recorded: RecordedChange) => PromiseLike<Result>,
): Promise<Map<Item, Result>> {
  const results = changes.flatMap((recorded) =>
    (field(recorded.change) ?? []).map(async (item): Promise<[Item, Result]> => [item, await write(item, recorded)]),
  );
  return new Map(await Promise.all(results));
}

/**
 * Returns each value once. An update that joins with the rows of a batch also compares the keys with an array (`any`).
 * Without this array, the planner would scan the whole table, because it cannot estimate the number of rows in JSON or
 * `unnest`.
 */
export const unique = (values: readonly string[]): string[] => [...new Set(values)];
