import type { Grant } from "../../core/shard/lease.ts";
import { type CommitDeps, type CommitEntry, type Committed, commitChanges } from "./commit.ts";

/** A shared commit has failed, and `cause` is why. Each ledger commits its changes alone, so that it fails only because of them. */
export class SharedCommitFailed extends Error {
  override readonly name = "SharedCommitFailed";
}

/** How long a statement of a shared commit waits for a lock, in milliseconds. See `lockWaitMs` in core/db/shared-statements.ts. */
const lockWaitMs = 50;
/** How long all ledgers commit alone after a shared commit has failed, in milliseconds. */
const aloneMs = 1_000;
/**
 * How long a shared commit may take, in milliseconds. After this time without an answer, the server has also ended an
 * open transaction of a host (`idleInTransactionTimeoutMs`), and with it the locks that the shards wait for.
 */
const limitMs = 5_000;
/**
 * Maximum number of acknowledgements and receipts, counted by message, in a shared commit. A ledger that has more of them
 * commits alone.
 */
const maxRows = 200;

interface Part {
  grant: Grant;
  entries: readonly CommitEntry[];
  resolve: (committed: Committed) => void;
  reject: (error: unknown) => void;
}

/**
 * Commits acknowledgements and receipts of all shards of a host together. The transaction holds the leases of all its
 * shards. If it fails, each ledger commits alone, so that a shard whose lease is lost, or whose changes are refused, costs
 * the others only time: at most `lockWaitMs` per lock, once in `aloneMs`. A connection without answers costs them
 * `limitMs`.
 */
export class SharedCommits {
  readonly #deps: CommitDeps;
  /** Functions that end the waits of lingering changes. When the changes of one ledger are due, those of all others are. */
  readonly lingering = new Set<() => void>();
  #parts: Part[] = [];
  /** When a commit may be shared again, as `performance.now()`. */
  #notBefore = 0;

  constructor(deps: CommitDeps) {
    this.#deps = deps;
  }

  /**
   * Commits changes of a shard, together with those of other shards that come in the same turn of the event loop. Rejects
   * with `SharedCommitFailed`, or, if it didn't share, with the error of the commit.
   */
  commit(grant: Grant, entries: readonly CommitEntry[]): Promise<Committed> {
    if (performance.now() < this.#notBefore || rowsOf(entries) > maxRows)
      return commitChanges(this.#deps, entries, { grants: [grant] });
    const { promise, resolve, reject } = Promise.withResolvers<Committed>();
    if (this.#parts.push({ grant, entries, resolve, reject }) === 1) setImmediate(() => this.#commitParts());
    return promise;
  }

  #commitParts(): void {
    // In the same order in each transaction, so that two hosts can't wait for each other's leases.
    const parts = this.#parts.splice(0).sort((a, b) => a.grant.shard - b.grant.shard);
    let group: Part[] = [];
    let rows = 0;
    for (const part of parts) {
      rows += rowsOf(part.entries);
      if (group.length > 0 && rows > maxRows) {
        void this.#commitTogether(group);
        group = [];
        rows = rowsOf(part.entries);
      }
      group.push(part);
    }
    void this.#commitTogether(group);
  }

  async #commitTogether(parts: readonly Part[]): Promise<void> {
    const [only] = parts;
    if (parts.length === 1 && only) {
      commitChanges(this.#deps, only.entries, { grants: [only.grant] }).then(only.resolve, only.reject);
      return;
    }
    try {
      const grants = parts.map(({ grant }) => grant);
      const options = { grants, lockWaitMs, limitMs: this.#deps.db.answerMs ?? limitMs };
      const entries = parts.flatMap((part) => part.entries);
      const { events, hasReplies } = await commitChanges(this.#deps, entries, options);
      for (const { entries, resolve } of parts) {
        const instances = new Set(entries.map(({ instanceId }) => instanceId));
        resolve({ events: events.filter(({ instanceId }) => instances.has(instanceId)), hasReplies });
      }
    } catch (cause) {
      this.#notBefore = performance.now() + aloneMs;
      for (const { reject } of parts) reject(new SharedCommitFailed("the shared commit failed", { cause }));
    }
  }
}

const rowsOf = (entries: readonly CommitEntry[]): number =>
  entries.reduce(
    (total, { change: { acks = [], progress = [] } }) =>
      total + acks.length + progress.reduce((sum, { waIds }) => sum + waIds.length, 0),
    0,
  );
