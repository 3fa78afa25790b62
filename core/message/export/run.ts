import { randomUUID } from "node:crypto";
import type { Clock } from "../../clock.ts";
import { type ClaimLease, type Claims, claimHasEnded, leaseHolds } from "../../db/claim-lease.ts";
import type { Database } from "../../db/index.ts";
import type { Logger } from "../../log.ts";
import type { Storage } from "../../storage/index.ts";
import { type ExportPage, readChatPage } from "./chat.ts";
import { rowDays } from "./due.ts";
import type { ExportRequest, StoredPart } from "./export.sql.ts";
import { exportHeaders, exportKey } from "./index.ts";
import type { LinkToFile } from "./lines.ts";

export interface ExportDeps {
  db: Database;
  storage: Pick<Storage, "openParts" | "putPart" | "completeParts" | "abortParts" | "head" | "remove">;
  claims: Claims;
  clock: Clock;
  log: Logger;
  linkToFile: LinkToFile;
  /** Reads everything about a person. */
  readPerson: PageReader;
  /** Bytes of a part. S3 accepts parts of 5 MiB and more, except for the last one. */
  partBytes?: number;
  /** How long a part that is not full may be read after the budget, in milliseconds. */
  partMs?: number;
}

/** Reads the next lines of a job, from its cursor on. */
export type PageReader = (
  db: Database,
  job: Pick<Job, "userId" | "request" | "createdAt">,
  cursor: string | null,
  linkToFile: LinkToFile | null,
) => Promise<ExportPage>;

const minPartBytes = 5 * 1024 * 1024;
const maxPartMs = 10_000;
const maxAttempts = 5;
/** How long a finished file is kept, in milliseconds. */
export const exportKeptMs = 7 * 24 * 60 * 60 * 1000;

interface Job {
  id: string;
  userId: string;
  /** Null for everything about a person. */
  instanceId: string | null;
  request: ExportRequest;
  cursor: string | null;
  uploadId: string | null;
  parts: StoredPart[];
  tail: string | null;
  attempts: number;
  createdAt: Date;
}

/** How long a process works on a job. */
interface Limits {
  /** Whether another part may begin. */
  hasTime: () => boolean;
  /** Whether a part that is not full may go on. */
  mayRead: () => boolean;
}

/**
 * Works on open exports for about `budgetMs`. A part that has begun is finished, or, after `partMs`, kept in
 * the row of the job. At most one part is in memory. Several processes work on different exports.
 */
export async function runExports(deps: ExportDeps, budgetMs: number): Promise<void> {
  const end = performance.now() + budgetMs;
  const turn = randomUUID();
  await removeFiles(deps);
  await deps.claims.hold(async (lease) => {
    do {
      const job = await claim(deps.db, lease, turn);
      if (!job) return;
      await work(deps, lease, job, {
        hasTime: () => performance.now() < end && lease.held,
        mayRead: () => performance.now() < end + (deps.partMs ?? maxPartMs) && lease.held,
      });
    } while (performance.now() < end && lease.held);
  });
}

/** Claims the oldest export of a user. Each turn has another order of users, so that one user doesn't hold up the others. */
async function claim({ sql }: Database, lease: ClaimLease, turn: string): Promise<Job | undefined> {
  const [job] = await sql<Job[]>`
    update exports set status = 'running', claimed_by = ${lease.id}
    where id = (
      select id from exports
      where status in ('queued', 'running') and (claimed_by is null or ${claimHasEnded(sql, sql`claimed_by`)})
        and ${leaseHolds(sql, lease)}
      order by attempts, md5(user_id || ${turn}), created_at limit 1 for update skip locked)
    returning id, user_id as "userId", instance_id as "instanceId", request, cursor, upload_id as "uploadId", parts, tail,
      attempts, created_at as "createdAt"`;
  return job;
}

/** An update that has no effect once the job was canceled, or once another process has it. */
const ownRow = (sql: Database["sql"], lease: ClaimLease, id: string) => sql`
  id = ${id} and claimed_by = ${lease.id} and status = 'running'`;

async function work(deps: ExportDeps, lease: ClaimLease, job: Job, limits: Limits): Promise<void> {
  const { sql } = deps.db;
  try {
    let at: Job | null = job;
    do at = await storePart(deps, lease, at, limits.mayRead);
    while (at && limits.hasTime());
    await sql`update exports set claimed_by = null where ${ownRow(sql, lease, job.id)}`;
  } catch (error) {
    deps.log.error({ err: error, exportId: job.id }, "an export could not continue");
    const failed = job.attempts + 1 >= maxAttempts;
    await sql`
      update exports set claimed_by = null, attempts = attempts + 1, error = 'the database or the bucket refused a request',
        status = ${failed ? "failed" : "running"}, finished_at = ${failed ? deps.clock.now() : null},
        tail = ${failed ? null : sql`tail`}
      where ${ownRow(sql, lease, job.id)}`;
  }
}

/** Stores the next part, or its beginning. Returns the changed job, or null if this run does no more of it. */
async function storePart(deps: ExportDeps, lease: ClaimLease, job: Job, mayRead: () => boolean): Promise<Job | null> {
  const { sql } = deps.db;
  const key = exportKey(job.userId, job.id);
  const isRead = job.parts.length > 0 && job.cursor === null;
  const part = isRead ? null : await readPart(deps, job, mayRead);
  if (part && !part.isWhole) {
    await sql`
      update exports set cursor = ${part.cursor}, tail = ${part.text}, ${progress(sql, part)}
      where ${ownRow(sql, lease, job.id)}`;
    return null;
  }
  const uploadId = job.uploadId ?? (await deps.storage.openParts(key, exportHeaders(job)));
  if (!job.uploadId) {
    const { count } = await sql`update exports set upload_id = ${uploadId} where ${ownRow(sql, lease, job.id)}`;
    if (count === 0) return await abandon(deps, key, uploadId);
  }
  let parts = job.parts;
  // S3 needs at least one part.
  if (part) {
    const number = parts.length + 1;
    parts = [...parts, { number, etag: await deps.storage.putPart(key, uploadId, number, Buffer.from(part.text)) }];
    const { count } = await sql`
      update exports set cursor = ${part.cursor}, tail = null, parts = ${JSON.stringify(parts)}::text::jsonb,
        ${progress(sql, part)}
      where ${ownRow(sql, lease, job.id)}`;
    if (count === 0) return null;
    if (part.cursor !== null) return { ...job, uploadId, parts, tail: null, cursor: part.cursor };
  }
  await complete(deps, key, uploadId, parts);
  const now = deps.clock.now();
  await sql`
    update exports set status = 'done', claimed_by = null, upload_id = null, finished_at = ${now},
      expires_at = ${new Date(now.getTime() + exportKeptMs)}
    where ${ownRow(sql, lease, job.id)}`;
  return null;
}

const progress = (sql: Database["sql"], { lines, bytes }: Part) => sql`
  lines = lines + ${lines}, bytes = bytes + ${bytes}, attempts = 0, error = null`;

async function abandon(deps: ExportDeps, key: string, uploadId: string): Promise<null> {
  await deps.storage.abortParts(key, uploadId);
  return null;
}

/** Completes the file. A process that died after this step left the file, but no upload. */
async function complete({ storage }: ExportDeps, key: string, uploadId: string, parts: readonly StoredPart[]) {
  try {
    await storage.completeParts(key, uploadId, parts);
  } catch (error) {
    if (!(await storage.head(key))) throw error;
  }
}

interface Part {
  /** With the tail of the job. */
  text: string;
  /** What was read in addition to the tail. */
  lines: number;
  bytes: number;
  cursor: string | null;
  /** Whether the part is large enough for S3, or the last one. */
  isWhole: boolean;
}

async function readPart(deps: ExportDeps, job: Job, mayRead: () => boolean): Promise<Part> {
  const wanted = (deps.partBytes ?? minPartBytes) - Buffer.byteLength(job.tail ?? "");
  const link = job.request.mediaLinks ? deps.linkToFile : null;
  const texts = [job.tail ?? ""];
  let [bytes, lines] = [0, 0];
  let cursor = job.cursor;
  do {
    const page = await (job.instanceId === null
      ? deps.readPerson(deps.db, job, cursor, link)
      : readChatPage(deps.db, job.instanceId, job.request, cursor, link));
    const text = page.lines.map((line) => `${line}\n`).join("");
    texts.push(text);
    bytes += Buffer.byteLength(text);
    lines += page.lines.length;
    cursor = page.cursor;
  } while (cursor !== null && bytes < wanted && mayRead());
  return { text: texts.join(""), lines, bytes, cursor, isWhole: cursor === null || bytes >= wanted };
}

/**
 * Removes what is left of jobs that are over: files that have expired, and parts of canceled and failed jobs. Also those of
 * deleted instances and users. Rows are kept for a month.
 */
export async function removeFiles({ db, storage, clock }: Pick<ExportDeps, "db" | "storage" | "clock">): Promise<void> {
  const { sql } = db;
  const now = clock.now();
  await sql`
    update exports e set status = 'canceled', finished_at = ${now}, expires_at = ${now}
    where status not in ('canceled', 'failed') and (not exists (select from users where id = e.user_id)
      or (instance_id is not null and not exists (select from instances where id = e.instance_id)))`;
  const over = await sql<{ id: string; userId: string; uploadId: string | null }[]>`
    select id, user_id as "userId", upload_id as "uploadId" from exports
    where (status in ('canceled', 'failed', 'expired') and (upload_id is not null or expires_at is not null))
      or (status = 'done' and expires_at <= ${now}) limit 100`;
  for (const { id, userId, uploadId } of over) {
    const key = exportKey(userId, id);
    if (uploadId) await storage.abortParts(key, uploadId);
    await storage.remove(key);
    await sql`
      update exports set upload_id = null, expires_at = null, parts = '[]', cursor = null, tail = null,
        status = case when status = 'done' then 'expired' else status end where id = ${id}`;
  }
  await sql`
    delete from exports where status in ('canceled', 'failed', 'expired') and upload_id is null and expires_at is null
      and finished_at < ${now}::timestamptz - ${rowDays} * interval '1 day'`;
}
