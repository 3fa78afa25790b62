import * as exports from "../../../core/message/export/index.ts";
import type { PageRequest } from "../../../core/page.ts";
import type { InstanceContext } from "../engine/context.ts";

export type Job = exports.ExportJob;

/** The exports of an instance belong to its owner, whoever creates them. */
const ownerOf = ({ instance }: InstanceContext) => ({ userId: instance.userId, instanceId: instance.id });

export const createExport = (
  context: InstanceContext,
  request: Parameters<typeof exports.createChatExport>[2],
): Promise<Job> => exports.createChatExport(context.deps, ownerOf(context), request);

export const listExports = (context: InstanceContext, page: PageRequest) =>
  exports.listExports(context.deps.db, ownerOf(context), page);

export async function getExport(context: InstanceContext, { exportId }: { exportId: string }) {
  const job = await exports.findExport(context.deps.db, ownerOf(context), exportId);
  return { ...job, link: await exports.linkToExport(context.deps, context.instance.userId, job) };
}

export const cancelExport = (context: InstanceContext, { exportId }: { exportId: string }): Promise<Job> =>
  exports.cancelExport(context.deps, ownerOf(context), exportId);
