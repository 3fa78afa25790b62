import type { Clock } from "../../clock.ts";
import type { Database } from "../../db/index.ts";
import { AppError } from "../../error.ts";
import { type Ids, isUuid } from "../../id.ts";
import type { PageRequest, Pagination } from "../../page.ts";
import { paged } from "../../page.ts";
import type { ServedHeaders, Storage } from "../../storage/index.ts";
import { chatJid } from "../history.ts";
import type { ExportFormat, ExportRequest, ExportStatus } from "./export.sql.ts";

/** A job as its owner sees it. */
export interface ExportJob {
  id: string;
  instanceId: string | null;
  request: ExportRequest;
  status: ExportStatus;
  lines: number;
  bytes: number;
  total: number | null;
  error: string | null;
  createdAt: Date;
  finishedAt: Date | null;
  expiresAt: Date | null;
}

/** How many jobs of a user may wait or run at a time. */
const maxOpen = 20;
/** How long a link to the file works, in seconds. */
const linkSeconds = 60 * 60;

interface Deps {
  db: Database;
  clock: Clock;
  ids: Ids;
}

/** Whose jobs: those about one instance, or those about people. */
export interface ExportOwner {
  userId: string;
  instanceId: string | null;
}

const columns = (sql: Database["sql"]) => sql`
  id, instance_id as "instanceId", request, status, lines::float8, bytes::float8, total::float8, error,
  created_at as "createdAt", finished_at as "finishedAt", expires_at as "expiresAt"`;

/** Throws `invalid_request` for a chat that is not valid, and `quota_exceeded` if too many jobs are open. */
export async function createChatExport(
  deps: Deps,
  owner: { userId: string; instanceId: string },
  request: {
    chat: string;
    format: ExportFormat;
    mediaLinks: boolean;
    from?: Date | undefined;
    before?: Date | undefined;
  },
): Promise<ExportJob> {
  const chatId = chatJid(request.chat);
  const { from, before } = request;
  // Cleared messages may still be counted, so the total is not known then.
  const [row] = await deps.db.sql<{ total: number | null }[]>`
    select case when not exists (
        select from chats where instance_id = ${owner.instanceId} and chat_id = ${chatId} and cleared_at is not null)
      then coalesce(sum(messages), 0)::float8 end as total
    from message_days where instance_id = ${owner.instanceId} and chat_id = ${chatId}`;
  return await insertExport(
    deps,
    owner,
    {
      format: request.format,
      chatId,
      mediaLinks: request.mediaLinks,
      ...(from && { from: from.toISOString() }),
      ...(before && { before: before.toISOString() }),
    },
    from || before ? null : (row?.total ?? null),
  );
}

/** Throws `quota_exceeded` if too many jobs are open. */
export async function insertExport(
  { db, clock, ids }: Deps,
  { userId, instanceId }: ExportOwner,
  request: ExportRequest,
  total: number | null,
): Promise<ExportJob> {
  const { sql } = db;
  const [job] = await sql<ExportJob[]>`
    insert into exports (id, user_id, instance_id, request, total, created_at)
    select ${ids.uuid()}, ${userId}, ${instanceId}, ${JSON.stringify(request)}::text::jsonb, ${total}, ${clock.now()}
    where (select count(*) from exports where user_id = ${userId} and status in ('queued', 'running')) < ${maxOpen}
    returning ${columns(sql)}`;
  if (!job) throw new AppError("quota_exceeded", `at most ${maxOpen} exports of a user can be open`);
  return job;
}

export async function listExports(
  { sql }: Database,
  owner: ExportOwner,
  page: Pick<PageRequest, "limit" | "skip">,
): Promise<{ jobs: ExportJob[]; pagination: Pagination }> {
  const where = sql`where ${ownedBy(sql, owner)}`;
  const [items, [row]] = await Promise.all([
    sql<ExportJob[]>`
      select ${columns(sql)} from exports ${where} order by created_at desc, id desc limit ${page.limit} offset ${page.skip}`,
    sql<{ total: number }[]>`select count(*)::float8 as total from exports ${where}`,
  ]);
  const { items: jobs, pagination } = paged(page, { items }, row?.total ?? 0);
  return { jobs, pagination };
}

/** Throws `export_not_found`. */
export async function findExport({ sql }: Database, owner: ExportOwner, id: string): Promise<ExportJob> {
  const [job] = isUuid(id)
    ? await sql<ExportJob[]>`select ${columns(sql)} from exports where id = ${id} and ${ownedBy(sql, owner)}`
    : [];
  if (!job) throw new AppError("export_not_found");
  return job;
}

/** Cancels a job, or removes its finished file. `cron` removes the file. Throws `export_not_found`. */
export async function cancelExport(
  { db, clock }: Omit<Deps, "ids">,
  owner: ExportOwner,
  id: string,
): Promise<ExportJob> {
  await findExport(db, owner, id);
  const now = clock.now();
  await db.sql`
    update exports set status = case when status = 'done' then 'expired' else 'canceled' end,
      finished_at = coalesce(finished_at, ${now}), expires_at = ${now}
    where id = ${id} and status in ('queued', 'running', 'done')`;
  return await findExport(db, owner, id);
}

/** Returns a link to the file, or null if there is none. */
export async function linkToExport(
  { storage, clock }: { storage: Pick<Storage, "presign">; clock: Clock },
  userId: string,
  job: ExportJob,
): Promise<{ url: string; expiresAt: Date } | null> {
  if (job.status !== "done" || !job.expiresAt || job.expiresAt <= clock.now()) return null;
  const left = Math.floor((job.expiresAt.getTime() - clock.now().getTime()) / 1000);
  const seconds = Math.max(1, Math.min(linkSeconds, left));
  return {
    url: await storage.presign(exportKey(userId, job.id), seconds, exportHeaders(job)),
    expiresAt: new Date(clock.now().getTime() + seconds * 1000),
  };
}

export const exportKey = (userId: string, id: string) => `export/${userId}/${id}`;

export const exportHeaders = ({ id, request }: Pick<ExportJob, "id" | "request">): ServedHeaders => {
  const [contentType, extension] =
    request.format === "text" ? ["text/plain; charset=utf-8", "txt"] : ["application/x-ndjson", "jsonl"];
  return { contentType, contentDisposition: `attachment; filename="export-${id}.${extension}"` };
};

const ownedBy = (sql: Database["sql"], { userId, instanceId }: ExportOwner) => sql`
  user_id = ${userId} and instance_id is not distinct from ${instanceId}`;
