import { logEnds } from "../../core/command/end.ts";
import { isNotStored, sqlState, sqlStates } from "../../core/db/sql-state.ts";
import type { AppendedEvent } from "../../core/event/append.ts";
import type { Logger } from "../../core/log.ts";
import { count } from "../../core/metric/index.ts";
import type { Lease } from "../concurrency/lease.ts";
import type { Change, StanzaSource } from "./change.ts";
import { type CommitDeps, type CommitEntry, type Committed, commitChanges } from "./commit.ts";
import { countRefusal, isRefusal, maxRefusals, quarantineOf, reasonOf } from "./refusal.ts";
import { SharedCommitFailed, type SharedCommits } from "./shared-commits.ts";
import { mayLinger, WaitingLine } from "./waiting-line.ts";

/** The lease is lost, or the ledger is closed. The caller must stop immediately and write nothing more. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

interface Entry extends CommitEntry {
  resolve: () => void;
  reject: (error: unknown) => void;
}

export interface LedgerDeps extends CommitDeps {
  log: Logger;
  now: () => Date;
  lease: Lease;
  /** Commits lingering changes together with those of other shards. Without it, each ledger commits alone. */
  shared?: SharedCommits;
  /**
   * Called after a commit that appended these events, in their order. `inDoubt`: the commit was tried again, so the log
   * may have more events of it.
   */
  onEvents: (events: readonly AppendedEvent[], inDoubt: boolean) => void;
  /** Called after a commit that stored replies to commands of the ingress queue, or may have stored some before. */
  onReplies: () => void;
}

/** Maximum number of changes in one transaction. */
const maxBatch = 512;
const retryPauseMs = 250;

/**
 * The only writer of the session state of a shard. Commits changes in the order in which they were appended. One
 * transaction commits all waiting changes, each of them entirely or not at all, and only while the host holds the lease
 * (`fence`).
 */
export class Ledger {
  readonly #deps: LedgerDeps;
  readonly #waiting: WaitingLine<Entry>;
  #flushing: Promise<void> | undefined;
  #closed: Error | undefined;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
    this.#waiting = new WaitingLine(deps.shared?.lingering);
  }

  /**
   * Resolves when the change is durable. Rejects with `LeaseLost`, or with the database's error if the change can't be
   * stored.
   */
  append(instanceId: string, change: Change): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closed);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ instanceId, change, at: this.#deps.now(), eventIds: [], resolve, reject });
    this.#flushing ??= this.#flushAll();
    return promise;
  }

  /** Commits the waiting changes of an instance at once, because a frame waits for them. */
  hurry(instanceId: string): void {
    this.#waiting.hurry(instanceId);
  }

  /** Resolves when no change is left to commit. */
  async drain(): Promise<void> {
    while (this.#flushing) await this.#flushing;
  }

  /** Rejects the waiting changes, and all changes that are appended later. */
  close(reason: Error = new LeaseLost("the ledger is closed")): void {
    this.#closed ??= reason;
    for (const entry of this.#waiting.clear()) entry.reject(this.#closed);
  }

  async #flushAll(): Promise<void> {
    // Waits one turn of the event loop, so that changes that arrive together are committed together.
    await new Promise(setImmediate);
    while (this.#waiting.size > 0) {
      await this.#waiting.due();
      const batch = this.#waiting.take(maxBatch);
      if (batch.length > 0) await this.#flush(batch);
    }
    this.#flushing = undefined;
  }

  /** `inDoubt`: an earlier attempt may have committed these changes. */
  async #flush(batch: Entry[], inDoubt = false): Promise<void> {
    let stepwise = false;
    let alone = false;
    for (;;) {
      try {
        if (this.#closed) throw this.#closed;
        if (!this.#deps.lease.held) throw new LeaseLost("the lease has expired");
        this.#announce(batch, await this.#commit(batch, { stepwise, alone }), inDoubt);
        return;
      } catch (error) {
        if (error instanceof SharedCommitFailed) {
          alone = true;
          inDoubt ||= !isNotStored(error.cause);
          continue;
        }
        if (error instanceof LeaseLost || sqlState(error) === sqlStates.leaseLost) {
          const lost = error instanceof LeaseLost ? error : new LeaseLost("another host holds the lease");
          for (const entry of batch) entry.reject(lost);
          this.close(lost);
          return;
        }
        if (!stepwise && sqlState(error) === sqlStates.divisionByZero) {
          stepwise = true;
          continue;
        }
        if (!isTransient(error)) {
          await this.#isolate(batch, error, inDoubt);
          return;
        }
        inDoubt = true;
        this.#deps.log.warn(
          { err: error, changes: batch.length },
          "the database is not available; changes wait for it",
        );
        await new Promise((resolve) => setTimeout(resolve, retryPauseMs));
      }
    }
  }

  #commit(batch: Entry[], { stepwise, alone }: { stepwise: boolean; alone: boolean }): Promise<Committed> {
    const { lease, shared } = this.#deps;
    if (shared && !alone && !stepwise && batch.every(({ change }) => mayLinger(change)))
      return shared.commit(lease.grant, batch);
    return commitChanges(this.#deps, batch, { grants: [lease.grant], stepwise });
  }

  /**
   * Commits the changes of a rejected batch one by one, so that only the change that causes the rejection fails. If a
   * stanza led to that change, tries again, and quarantines the stanza after `maxRefusals` refusals.
   */
  async #isolate(batch: Entry[], error: unknown, inDoubt: boolean): Promise<void> {
    const [only] = batch;
    if (batch.length === 1 && only) {
      if (only.change.stanza && isRefusal(error)) {
        await this.#refuse(only, only.change.stanza(), error, inDoubt);
        return;
      }
      const { instanceId, change } = only;
      const { correlationId } = change;
      this.#deps.log.error({ err: error, instanceId, correlationId }, "the database rejected a change");
      only.reject(error);
      if (!inDoubt) return;
      // An earlier attempt may have committed the change.
      this.#deps.onEvents([], inDoubt);
      this.#deps.onReplies();
      return;
    }
    for (const entry of batch) await this.#flush([entry], inDoubt);
  }

  async #refuse(entry: Entry, source: StanzaSource, error: unknown, inDoubt: boolean): Promise<void> {
    const { db, host, lease, log } = this.#deps;
    const { instanceId, change } = entry;
    const reason = reasonOf(error);
    const attempts = await this.#untilAvailable(() =>
      db.sql.begin(async (sql) => {
        await sql`select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})`;
        return await countRefusal(sql, instanceId, source, reason);
      }),
    );
    if (attempts === undefined) return entry.reject(this.#closed);
    const { correlationId } = change;
    const context = { err: error, instanceId, correlationId, kind: source.kind, stanzaId: source.id, attempts };
    if (attempts < maxRefusals) log.warn(context, "the database refused a stanza; trying again");
    else {
      log.error(context, "a stanza was quarantined because it can't be stored");
      count("StanzasQuarantined");
      entry.change = quarantineOf(change, source, reason);
      entry.eventIds = [];
    }
    await this.#flush([entry], inDoubt);
  }

  /** Returns the result of `work`, or undefined if the lease is lost meanwhile. Repeats it while there is no database. */
  async #untilAvailable<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    for (;;) {
      try {
        if (this.#closed || !this.#deps.lease.held) throw new LeaseLost("the lease has expired");
        return await work();
      } catch (error) {
        if (!isTransient(error)) {
          this.close(error instanceof Error ? error : new Error(String(error)));
          return undefined;
        }
        await new Promise((resolve) => setTimeout(resolve, retryPauseMs));
      }
    }
  }

  #announce(batch: readonly Entry[], { events, hasReplies }: Committed, inDoubt: boolean): void {
    const { onEvents, onReplies, log } = this.#deps;
    for (const entry of batch) entry.resolve();
    if (events.length > 0 || inDoubt) onEvents(events, inDoubt);
    if (hasReplies || inDoubt) onReplies();
    for (const { instanceId, change } of batch) logEnds(log, instanceId, change);
  }
}

/**
 * Returns whether a retry may help, because the connection failed or the server reports a condition outside the
 * statement. SQLSTATE classes: 08 connection, 25 transaction idle for too long, 40 rollback, 53 resources, 57 shutdown.
 */
function isTransient(error: unknown): boolean {
  const state = sqlState(error);
  if (state) return /^(08|25|40|53|57)/.test(state);
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^(CONNECT|E[A-Z]+$)/.test(code);
}
