import type { Clock } from "../../clock.ts";
import { type ClaimLease, type Claims, claimHasEnded, leaseHolds } from "../../db/claim-lease.ts";
import type { Database } from "../../db/index.ts";
import type { Logger } from "../../log.ts";
import type { Storage } from "../../storage/index.ts";
import { readChatPage } from "./chat.ts";
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
  /** Bytes of a part. S3 accepts parts of 5 MiB and more, except for the last one. */
  partBytes?: number;
}

const minPartBytes = 5 * 1024 * 1024;
const maxAttempts = 5;
/** How long a finished file is kept, in milliseconds. */
export const exportKeptMs = 7 * 24 * 60 * 60 * 1000;
/** How long the row of a job is kept after its end. */
const rowDays = 30;

interface Job {
  id: string;
  userId: string;
  instanceId: string;
  request: ExportRequest;
  cursor: string | null;
  uploadId: string | null;
  parts: StoredPart[];
  attempts: number;
}

/**
 * Works on open exports, the oldest first, for about `budgetMs`, and at least until one part of a file is stored. At most
 * one part is in memory. Several processes work on different exports.
 */
export async function runExports(deps: ExportDeps, budgetMs: number): Promise<void> {
  const end = performance.now() + budgetMs;
  await removeFiles(deps);
  await deps.claims.hold(async (lease) => {
    do {
      const job = await claim(deps.db, lease);
      if (!job) return;
      await work(deps, lease, job, () => performance.now() < end && lease.held);
    } while (performance.now() < end && lease.held);
  });
}

async function claim({ sql }: Database, lease: ClaimLease): Promise<Job | undefined> {
  const [job] = await sql<Job[]>`
    update exports set status = 'running', claimed_by = ${lease.id}
    where id = (
      select id from exports
      where status in ('queued', 'running') and (claimed_by is null or ${claimHasEnded(sql, sql`claimed_by`)})
        and ${leaseHolds(sql, lease)}
      order by attempts, created_at limit 1 for update skip locked)
    returning id, user_id as "userId", instance_id as "instanceId", request, cursor, upload_id as "uploadId", parts, attempts`;
  return job;
}

/** An update that has no effect once the job was canceled, or once another process has it. */
const ownRow = (sql: Database["sql"], lease: ClaimLease, id: string) => sql`
  id = ${id} and claimed_by = ${lease.id} and status = 'running'`;

async function work(deps: ExportDeps, lease: ClaimLease, job: Job, hasTime: () => boolean): Promise<void> {
  const { sql } = deps.db;
  try {
    let at: Job | null = job;
    do at = await storePart(deps, lease, at);
    while (at && hasTime());
    await sql`update exports set claimed_by = null where ${ownRow(sql, lease, job.id)}`;
  } catch (error) {
    deps.log.error({ err: error, exportId: job.id }, "an export could not continue");
    const failed = job.attempts + 1 >= maxAttempts;
    await sql`
      update exports set claimed_by = null, attempts = attempts + 1, error = 'the database or the bucket refused a request',
        status = ${failed ? "failed" : "running"}, finished_at = ${failed ? deps.clock.now() : null}
      where ${ownRow(sql, lease, job.id)}`;
  }
}

/** Stores the next part, and returns the job after it, or null at its end. */
async function storePart(deps: ExportDeps, lease: ClaimLease, job: Job): Promise<Job | null> {
  const { sql } = deps.db;
  const key = exportKey(job.userId, job.id);
  const uploadId = job.uploadId ?? (await deps.storage.openParts(key, exportHeaders(job)));
  if (!job.uploadId) {
    const { count } = await sql`update exports set upload_id = ${uploadId} where ${ownRow(sql, lease, job.id)}`;
    if (count === 0) return await abandon(deps, key, uploadId);
  }
  const isStarted = job.parts.length > 0 && job.cursor === null;
  const { text, lines, cursor } = isStarted ? { text: "", lines: 0, cursor: null } : await readPart(deps, job);
  // S3 needs at least one part.
  let parts = job.parts;
  if (!isStarted) {
    const body = Buffer.from(text);
    const number = parts.length + 1;
    parts = [...parts, { number, etag: await deps.storage.putPart(key, uploadId, number, body) }];
    const { count } = await sql`
      update exports set cursor = ${cursor}, parts = ${JSON.stringify(parts)}::text::jsonb, lines = lines + ${lines},
        bytes = bytes + ${body.length}, attempts = 0, error = null
      where ${ownRow(sql, lease, job.id)}`;
    if (count === 0) return null;
    if (cursor !== null) return { ...job, uploadId, parts, cursor };
  }
  await complete(deps, key, uploadId, parts);
  const now = deps.clock.now();
  await sql`
    update exports set status = 'done', claimed_by = null, upload_id = null, finished_at = ${now},
      expires_at = ${new Date(now.getTime() + exportKeptMs)}
    where ${ownRow(sql, lease, job.id)}`;
  return null;
}

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

async function readPart(deps: ExportDeps, job: Job): Promise<{ text: string; lines: number; cursor: string | null }> {
  const wanted = deps.partBytes ?? minPartBytes;
  const link = job.request.mediaLinks ? deps.linkToFile : null;
  const texts: string[] = [];
  let [bytes, lines] = [0, 0];
  let cursor = job.cursor;
  do {
    const page = await readChatPage(deps.db, job.instanceId, job.request, cursor, link);
    const text = page.lines.map((line) => `${line}\n`).join("");
    texts.push(text);
    bytes += Buffer.byteLength(text);
    lines += page.lines.length;
    cursor = page.cursor;
  } while (cursor !== null && bytes < wanted);
  return { text: texts.join(""), lines, cursor };
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
      update exports set upload_id = null, expires_at = null, parts = '[]', cursor = null,
        status = case when status = 'done' then 'expired' else status end where id = ${id}`;
  }
  await sql`
    delete from exports where status in ('canceled', 'failed', 'expired') and upload_id is null and expires_at is null
      and finished_at < ${now}::timestamptz - ${rowDays} * interval '1 day'`;
}
