import { type AuditFilter, type AuditRecord, listAudit as readAudit } from "../../../core/audit/read.ts";
import { assertOwner, isAdmin } from "../../../core/caller.ts";
import type { CallerContext } from "../engine/context.ts";

/**
 * Returns a page of the audit log, as far as the caller may see it, and where the next page begins. Throws `forbidden` for a
 * filter that names another user or another user's instance.
 */
export async function listAudit(
  { deps, caller }: CallerContext,
  { filter, limit }: { filter: AuditFilter; limit: number },
): Promise<{ records: AuditRecord[]; next: number | null }> {
  if (filter.userId !== undefined) assertOwner(caller, filter.userId);
  if (filter.instanceId !== undefined) {
    // An instance that was deleted has no owner any more, but its entries have.
    const [instance] = await deps.db.sql<{ userId: string }[]>`
      select user_id as "userId" from instances where id = ${filter.instanceId}`;
    if (instance) assertOwner(caller, instance.userId);
  }
  const records = await readAudit(deps.db, isAdmin(caller) ? null : caller.userId, filter, limit);
  return { records, next: records.length === limit ? (records.at(-1)?.id ?? null) : null };
}
