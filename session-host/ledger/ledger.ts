import type { Vault } from "../../core/crypto/index.ts";
import type { Database } from "../../core/db/index.ts";
import { sqlState, sqlStates } from "../../core/db/sql-state.ts";
import { appendEvents, type EventRow } from "../../core/event/append.ts";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import type { Ids } from "../../core/id.ts";
import type { Logger } from "../../core/log.ts";

import type { Lease } from "../concurrency/lease.ts";
import type { Change, NewResponse, Revision } from "./change.ts";
import { noteEnds } from "./command-end.ts";
import { writeChannels } from "./write-channels.ts";
import { writeLabels } from "./write-labels.ts";
import { writeResponses } from "./write-responses.ts";
import { recordViews } from "./write-status.ts";
import {
  acknowledge,
  finishCommands,
  insertMessages,
  keepPrepared,
  progress,
  type Recorded,
  revise,
  updateRest,
  writeContacts,
  writeInbox,
  writeKeys,
} from "./writes.ts";

/** The lease is gone, or the ledger is closed: whoever hears this must stop at once and write nothing more. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

interface Entry extends Recorded {
  eventIds: string[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

export interface LedgerDeps {
  db: Database;
  vault: Vault;
  ids: Ids;
  log: Logger;
  now: () => Date;
  host: string;
  lease: Lease;
  /** Called after a commit that appended events. */
  onEvents: () => void;
  /** Called after a commit that left replies to commands of the ingress queue. */
  onReplies: () => void;
}

/** How many changes go into one transaction at most. */
const maxBatch = 512;
const retryPauseMs = 250;

/**
 * The only writer of what the sessions of a shard know. Changes are committed in the order in which they were appended, many
 * in one transaction when many wait, each one whole or not at all, and only under the lease (`fence`).
 */
export class Ledger {
  readonly #deps: LedgerDeps;
  #waiting: Entry[] = [];
  #flushing: Promise<void> | undefined;
  #closed: Error | undefined;

  constructor(deps: LedgerDeps) {
    this.#deps = deps;
  }

  /** Resolves when the change is durable. Rejects with `LeaseLost`, or with the database's error when the change cannot be stored. */
  append(instanceId: string, change: Change): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closed);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { ids, now } = this.#deps;
    const eventIds = Array.from({ length: countEvents(change) }, () => ids.uuid());
    this.#waiting.push({ instanceId, change, at: now(), eventIds, resolve, reject });
    this.#flushing ??= this.#flushAll();
    return promise;
  }

  /** Waits until nothing is left to commit. */
  async drain(): Promise<void> {
    while (this.#flushing) await this.#flushing;
  }

  /** Refuses whatever is appended from now on, and what still waits. */
  close(reason: Error = new LeaseLost("the ledger is closed")): void {
    this.#closed ??= reason;
    for (const entry of this.#waiting.splice(0)) entry.reject(this.#closed);
  }

  async #flushAll(): Promise<void> {
    // One turn of the event loop: what arrives together is committed together.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maxBatch);
      await this.#flush(batch);
    }
    this.#flushing = undefined;
  }

  async #flush(batch: Entry[]): Promise<void> {
    for (;;) {
      try {
        if (this.#closed) throw this.#closed;
        if (!this.#deps.lease.held) throw new LeaseLost("the lease has run out");
        const replied = await this.#commit(batch);
        for (const entry of batch) {
          entry.resolve();
          noteEnds(this.#deps.log, entry.instanceId, entry.change);
        }
        if (batch.some((entry) => entry.eventIds.length > 0)) this.#deps.onEvents();
        if (replied) this.#deps.onReplies();
        return;
      } catch (error) {
        if (error instanceof LeaseLost || sqlState(error) === sqlStates.leaseLost) {
          const lost = error instanceof LeaseLost ? error : new LeaseLost("another host holds the lease");
          for (const entry of batch) entry.reject(lost);
          this.close(lost);
          return;
        }
        if (!isPassing(error)) {
          await this.#isolate(batch, error);
          return;
        }
        this.#deps.log.warn({ err: error, changes: batch.length }, "the database is away; changes wait for it");
        await new Promise((resolve) => setTimeout(resolve, retryPauseMs));
      }
    }
  }

  /** One change that the database refuses must not take the others with it. */
  async #isolate(batch: Entry[], error: unknown): Promise<void> {
    const [only] = batch;
    if (batch.length === 1 && only) {
      const { instanceId, change } = only;
      const { correlationId } = change;
      this.#deps.log.error({ err: error, instanceId, correlationId }, "the database refuses a change");
      only.reject(error);
      return;
    }
    for (const entry of batch) await this.#flush([entry]);
  }

  /** Answers whether it left replies. */
  async #commit(batch: readonly Entry[]): Promise<boolean> {
    const { db, host, lease } = this.#deps;
    return await db.sql.begin(async (sql) => {
      // Sent in one go: each statement waits for the one before on the server, none waits for the network.
      const [, , , inserted, acked, progressed, revised, answered, viewed, , replied] = await Promise.all([
        sql`select fence(${lease.grant.shard}, ${host}, ${lease.grant.epoch})`,
        writeKeys(sql, batch, this.#deps.vault),
        writeInbox(sql, batch, this.#deps.vault),
        insertMessages(sql, batch),
        acknowledge(sql, batch),
        progress(sql, batch),
        revise(sql, batch),
        writeResponses(sql, batch),
        recordViews(sql, batch),
        keepPrepared(sql, batch),
        finishCommands(sql, batch, this.#deps.vault),
        writeContacts(sql, batch),
        writeChannels(sql, batch),
        writeLabels(sql, batch),
        ...batch.flatMap((entry) => updateRest(sql, entry, this.#deps.ids)),
      ]);
      await appendEvents(sql, collectEvents(batch, { inserted, acked, progressed, revised, answered, viewed }));
      return replied;
    });
  }
}

/**
 * Whether trying again may help: the connection failed, or the server says that it was not the statement's fault
 * (SQLSTATE classes 08 connection, 25 a transaction that idled too long, 40 rolled back, 53 resources, 57 shut down).
 */
function isPassing(error: unknown): boolean {
  const state = sqlState(error);
  if (state) return /^(08|25|40|53|57)/.test(state);
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^(CONNECT|E[A-Z]+$)/.test(code);
}

function countEvents(change: Change): number {
  return (
    (change.events?.length ?? 0) +
    (change.messages?.filter((message) => message.event).length ?? 0) +
    (change.acks?.length ?? 0) +
    (change.revisions?.length ?? 0) +
    (change.views?.reduce((sum, view) => sum + view.waIds.length, 0) ?? 0) +
    (change.responses?.length ?? 0) +
    (change.progress?.reduce((sum, step) => sum + step.waIds.length, 0) ?? 0)
  );
}

interface Outcome {
  /** `instance wa_id` of messages that were new. */
  inserted: Set<string>;
  acked: Map<string, NewEvent>;
  progressed: Map<string, NewEvent>;
  revised: Map<Revision, NewEvent>;
  viewed: Awaited<ReturnType<typeof recordViews>>;
  answered: Set<NewResponse>;
}

/** An event leaves only for what really changed: a message that was there already, or a second receipt, announces nothing. */
function collectEvents(batch: readonly Entry[], outcome: Outcome): EventRow[] {
  const rows: EventRow[] = [];
  for (const { instanceId, change, at, eventIds } of batch) {
    let next = 0;
    const push = (event: (NewEvent & { id?: string }) | undefined) => {
      const id = eventIds[next++];
      if (event && id)
        rows.push({ ...event, id: event.id ?? id, instanceId, at, correlationId: change.correlationId ?? null });
    };
    for (const message of change.messages ?? []) {
      if (message.event) push(outcome.inserted.has(message.id) ? message.event : undefined);
    }
    for (const ack of change.acks ?? []) push(take(outcome.acked, `${instanceId} ${ack.waId}`));
    for (const step of change.progress ?? []) {
      for (const waId of step.waIds) push(take(outcome.progressed, `${instanceId} ${waId} ${step.status}`));
    }
    for (const view of change.views ?? []) {
      for (const waId of view.waIds) push(outcome.viewed.get(view)?.get(waId));
    }
    for (const revision of change.revisions ?? []) push(outcome.revised.get(revision));
    for (const response of change.responses ?? []) push(outcome.answered.has(response) ? response.event : undefined);
    for (const event of change.events ?? []) push(event);
  }
  return rows;
}

function take<Value>(map: Map<string, Value>, key: string): Value | undefined {
  const value = map.get(key);
  map.delete(key);
  return value;
}
