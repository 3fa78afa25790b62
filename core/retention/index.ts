import type postgres from "postgres";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Database } from "../db/index.ts";
import { isCleared } from "../db/visible.ts";
import type { Logger } from "../log.ts";
import type { Storage } from "../storage/index.ts";
import type { RetentionKind } from "../user/user.sql.ts";

/** For how many days things are kept by the settings. Null means that they are kept. */
export type Retention = Record<RetentionKind, number | null> & { events: number; deliveries: number; audit: number };

type Settings = Pick<
  Config,
  | "RETENTION_MESSAGES_DAYS"
  | "RETENTION_FILES_DAYS"
  | "RETENTION_EVENTS_DAYS"
  | "RETENTION_DELIVERIES_DAYS"
  | "RETENTION_AUDIT_DAYS"
>;

export const defaultRetention = (config: Settings): Retention => ({
  messages: config.RETENTION_MESSAGES_DAYS ?? null,
  files: config.RETENTION_FILES_DAYS ?? null,
  events: config.RETENTION_EVENTS_DAYS,
  deliveries: config.RETENTION_DELIVERIES_DAYS,
  audit: config.RETENTION_AUDIT_DAYS,
});

export interface RetentionDeps {
  db: Database;
  storage: Pick<Storage, "removeMany">;
  clock: Clock;
  log: Logger;
  retention: Retention;
}

/** Maximum number of rows of one statement. At most as many files are removed from the bucket at once. */
const sliceSize = 500;

/** The error of a file that was deleted. */
const fileDeleted = "the file was deleted after its retention period";

/**
 * Deletes what is older than the shortest retention of the settings, the user and the instance, in slices, for at most
 * `budgetMs`. Returns the number of deleted things by kind.
 */
export async function deleteExpired(deps: RetentionDeps, budgetMs: number): Promise<Record<RetentionKind, number>> {
  const end = performance.now() + budgetMs;
  const deleted = { messages: 0, files: 0, events: 0, deliveries: 0 };
  const due = await limitedKinds(deps);
  for (
    let count = due.cleared ? sliceSize : 0;
    count >= sliceSize && performance.now() < end;
    deleted.messages += count
  )
    count = await deleteCleared(deps);
  const steps: Record<RetentionKind, (expired: Expired) => Promise<number>> = {
    messages: (expired) => deleteMessages(deps, expired),
    files: (expired) => deleteFiles(deps, expired),
    events: (expired) => deleteEvents(deps, expired),
    deliveries: (expired) => deleteDeliveries(deps, expired),
  };
  for (const [kind, step] of Object.entries(steps) as [RetentionKind, (expired: Expired) => Promise<number>][]) {
    if (!due[kind]) continue;
    const expired = instancesWith(deps, kind, defaultOf(deps, kind));
    for (let count = sliceSize; count >= sliceSize && performance.now() < end; deleted[kind] += count)
      count = await step(expired);
  }
  if (Object.values(deleted).some((count) => count > 0)) deps.log.info({ deleted }, "deleted what had expired");
  return deleted;
}

/** `prune` deletes the events and deliveries of instances without a shorter retention. */
const defaultOf = ({ retention }: RetentionDeps, kind: RetentionKind) =>
  kind === "events" || kind === "deliveries" ? null : retention[kind];

/** Returns which kinds have a limit anywhere, and whether chats were cleared, in one statement. */
async function limitedKinds(deps: RetentionDeps): Promise<Record<RetentionKind | "cleared", boolean>> {
  const { sql } = deps.db;
  const limited = (kind: RetentionKind) => sql`(${defaultOf(deps, kind) !== null}
    or exists (select from users where (retention->>${kind}::text) is not null)
    or exists (select from instances where (retention->>${kind}::text) is not null))`;
  const [row] = await sql<Record<RetentionKind | "cleared", boolean>[]>`
    select ${limited("messages")} as messages, ${limited("files")} as files, ${limited("events")} as events,
      ${limited("deliveries")} as deliveries, ${hasClearedChats(deps)} as cleared`;
  if (!row) throw new Error("a query without a table returned no row");
  return row;
}

/** An SQL condition: chats were cleared or deleted, and still have messages. */
export const hasClearedChats = ({ db: { sql } }: Pick<RetentionDeps, "db">): postgres.PendingQuery<postgres.Row[]> =>
  sql`exists (select from chats where cleared_at is not null)`;

/** A subquery for the instances whose things expire: `id`, and the instant `before`. */
type Expired = postgres.PendingQuery<postgres.Row[]>;

function instancesWith({ db, clock }: RetentionDeps, kind: RetentionKind, byDefault: number | null): Expired {
  const { sql } = db;
  return sql`(
    select id, ${clock.now().toISOString()}::timestamptz - days * interval '1 day' as before from (
      select i.id, least(${byDefault}::int, (u.retention->>${kind}::text)::int, (i.retention->>${kind}::text)::int) as days
      from instances i join users u on u.id = i.user_id) kept
    where days is not null)`;
}

interface ExpiredMessage {
  id: string;
  instance_id: string;
  chat_id: string;
  wa_id: string;
  key: string | null;
}

/** What is stored about messages by chat and WhatsApp's id. Receipts are deleted with their messages. */
const aboutMessages = ["responses", "reactions", "message_marks"];

/** Deletes messages with their protobufs, files and what is stored about them. Messages that are not sent yet stay. */
async function deleteMessages({ db, storage }: RetentionDeps, expired: Expired): Promise<number> {
  const { sql } = db;
  const rows = await sql<ExpiredMessage[]>`
    select m.* from ${expired} i cross join lateral (
      select id, instance_id, chat_id, wa_id,
        case when media->>'state' = 'stored' then media->>'storageKey' end as key from messages
      where instance_id = i.id and sent_at < i.before and status <> 'pending'
      order by sent_at limit ${sliceSize}) m limit ${sliceSize}`;
  return await removeMessages({ db, storage }, rows);
}

/**
 * Deletes messages of chats that were cleared or deleted. A chat whose messages are all deleted is no longer marked.
 * Returns the number of deleted messages.
 */
async function deleteCleared({ db, storage }: RetentionDeps): Promise<number> {
  const { sql } = db;
  const rows = await sql<ExpiredMessage[]>`
    select m.* from chats c cross join lateral (
      select id, instance_id, chat_id, wa_id,
        case when media->>'state' = 'stored' then media->>'storageKey' end as key from messages
      where instance_id = c.instance_id and chat_id = c.chat_id and ${isCleared(sql)}
      order by sent_at limit ${sliceSize}) m
    where c.cleared_at is not null limit ${sliceSize}`;
  const removed = await removeMessages({ db, storage }, rows);
  if (rows.length < sliceSize)
    await sql`
      update chats c set cleared_at = null, cleared_stored_at = null, cleared_ids = null
      where cleared_at is not null and not exists (
        select from messages where instance_id = c.instance_id and chat_id = c.chat_id and ${isCleared(sql)})`;
  return removed;
}

/** Deletes messages with their files and what is stored about them. */
async function removeMessages(
  { db, storage }: Pick<RetentionDeps, "db" | "storage">,
  rows: readonly ExpiredMessage[],
): Promise<number> {
  const { sql } = db;
  if (rows.length === 0) return 0;
  // The files first: if this fails, the rows still name them.
  await storage.removeMany(rows.flatMap(({ key }) => key ?? []));
  const columns = [rows.map((row) => row.instance_id), rows.map((row) => row.chat_id), rows.map((row) => row.wa_id)];
  const [instances = [], chats = [], waIds = []] = columns;
  await sql.begin((transaction) =>
    Promise.all([
      ...aboutMessages.map(
        (table) => transaction`
          delete from ${sql(table)} t
          using unnest(${instances}::uuid[], ${chats}::text[], ${waIds}::text[]) as gone(instance_id, chat_id, wa_id)
          where t.instance_id = gone.instance_id and t.chat_id = gone.chat_id and t.wa_id = gone.wa_id
            and t.instance_id = any(${[...new Set(instances)]}::uuid[]) and t.wa_id = any(${waIds}::text[])`,
      ),
      transaction`delete from messages where id = any(${rows.map(({ id }) => id)}::uuid[])`,
    ]),
  );
  return rows.length;
}

/** Deletes the files of messages from the bucket. `media_sizes` and so the quota follow by a trigger. */
async function deleteFiles({ db, storage }: RetentionDeps, expired: Expired): Promise<number> {
  const rows = await db.sql<{ id: string; key: string }[]>`
    select m.* from ${expired} i cross join lateral (
      select id, media->>'storageKey' as key from messages
      where instance_id = i.id and sent_at < i.before and media->>'state' = 'stored'
      order by sent_at limit ${sliceSize}) m limit ${sliceSize}`;
  if (rows.length === 0) return 0;
  // The files first: if this fails, the rows still name them.
  await storage.removeMany(rows.map(({ key }) => key));
  await db.sql`
    update messages set media = media || jsonb_build_object('state', 'failed', 'error', ${fileDeleted}::text)
    where id = any(${rows.map(({ id }) => id)}::uuid[]) and media->>'state' = 'stored'`;
  return rows.length;
}

/**
 * Deletes the oldest events of the log, up to the first one that must stay: one that is not on the event queue yet, or
 * that the caller's queue doesn't have yet. The rest of the log has no gaps, so a reader can tell what is missing.
 */
async function deleteEvents({ db }: RetentionDeps, expired: Expired): Promise<number> {
  const { count } = await db.sql`
    delete from events where id = any(array(
      select oldest.id from ${expired} i cross join lateral (
        select id, every(is_expired) over (order by seq) as deletable from (
          select id, seq, created_at < i.before and emitted_at is not null
            and seq <= coalesce((select sent_seq from event_sinks where instance_id = i.id), seq) as is_expired
          from events where instance_id = i.id order by seq limit ${sliceSize}) log) oldest
      where deletable limit ${sliceSize}))`;
  return count;
}

/** Deletes finished deliveries with their attempts. A pending one stays until it is finished. */
async function deleteDeliveries({ db }: RetentionDeps, expired: Expired): Promise<number> {
  const { count } = await db.sql`
    delete from deliveries where status <> 'pending' and id = any(array(
      select d.id from ${expired} i cross join lateral (
        select id from deliveries where instance_id = i.id and created_at < i.before and status <> 'pending'
        order by created_at limit ${sliceSize}) d limit ${sliceSize}))`;
  return count;
}
