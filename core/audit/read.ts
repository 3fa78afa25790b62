import type { Database } from "../db/index.ts";
import type { auditLog } from "./audit.sql.ts";

type Row = typeof auditLog.$inferSelect;

export interface AuditFilter {
  userId?: string | undefined;
  keyId?: string | undefined;
  instanceId?: string | undefined;
  operation?: string | undefined;
  outcome?: Row["outcome"] | undefined;
  source?: Row["source"] | undefined;
  from?: Date | undefined;
  /** Exclusive. */
  until?: Date | undefined;
  /** Only entries before this one. */
  before?: number | undefined;
}

/** An entry with what is still known about its user and its key. */
export type AuditRecord = Omit<Row, "id"> & { id: number; email: string | null; keyName: string | null };

/**
 * Returns up to `limit` entries, the newest first. A `viewer` sees what was done with the viewer's credentials or to the
 * viewer's things; null sees everything.
 */
export async function listAudit(
  { sql }: Database,
  viewer: string | null,
  filter: AuditFilter,
  limit: number,
): Promise<AuditRecord[]> {
  const { userId, keyId, instanceId, operation, outcome, source, from, until, before } = filter;
  const rows = await sql<AuditRecord[]>`
    select a.id, a.at, a.user_id as "userId", a.key_id as "keyId", a.ip, a.source, a.operation, a.owner_id as "ownerId",
      a.instance_id as "instanceId", a.target, a.fields, a.outcome, a.status, a.code, a.request_id as "requestId",
      u.email, k.name as "keyName"
    from audit_log a left join users u on u.id = a.user_id left join api_keys k on k.id = a.key_id
    where true
      ${viewer === null ? sql`` : sql`and (a.user_id = ${viewer} or a.owner_id = ${viewer})`}
      ${userId === undefined ? sql`` : sql`and (a.user_id = ${userId} or a.owner_id = ${userId})`}
      ${keyId === undefined ? sql`` : sql`and a.key_id = ${keyId}`}
      ${instanceId === undefined ? sql`` : sql`and a.instance_id = ${instanceId}`}
      ${operation === undefined ? sql`` : sql`and a.operation = ${operation}`}
      ${outcome === undefined ? sql`` : sql`and a.outcome = ${outcome}`}
      ${source === undefined ? sql`` : sql`and a.source = ${source}`}
      ${from === undefined ? sql`` : sql`and a.at >= ${from.toISOString()}::timestamptz`}
      ${until === undefined ? sql`` : sql`and a.at < ${until.toISOString()}::timestamptz`}
      ${before === undefined ? sql`` : sql`and a.id < ${before}`}
    order by a.id desc limit ${limit}`;
  // The driver returns 64-bit integers as text.
  return rows.map((row) => ({ ...row, id: Number(row.id) }));
}
