import { assertScope, type Caller } from "../../../core/caller.ts";
import * as exports from "../../../core/message/export/index.ts";
import type { PageRequest } from "../../../core/page.ts";
import { createPersonExport } from "../../../core/privacy/index.ts";
import type { CallerContext } from "../engine/context.ts";

export type Job = exports.ExportJob;

const ownerOf = ({ userId }: Caller) => ({ userId, instanceId: null });

/** Throws `forbidden` for a key that may not read messages, because the file has messages. */
export async function createExport(
  { deps, caller }: CallerContext,
  request: Parameters<typeof createPersonExport>[2],
): Promise<Job> {
  assertScope(caller, "messages:read");
  return await createPersonExport(deps, caller.userId, request);
}

export const listExports = ({ deps, caller }: CallerContext, page: PageRequest) =>
  exports.listExports(deps.db, ownerOf(caller), page);

/** Throws `export_not_found`, and `forbidden` for a key that may not read messages. */
export async function getExport({ deps, caller }: CallerContext, exportId: string) {
  assertScope(caller, "messages:read");
  const job = await exports.findExport(deps.db, ownerOf(caller), exportId);
  return { ...job, link: await exports.linkToExport(deps, caller.userId, job) };
}

export const cancelExport = ({ deps, caller }: CallerContext, exportId: string): Promise<Job> =>
  exports.cancelExport(deps, ownerOf(caller), exportId);
