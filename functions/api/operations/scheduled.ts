import * as schedule from "../../../core/command/schedule.ts";
import type { PageRequest } from "../../../core/page.ts";
import type { InstanceContext } from "../context.ts";

export const listScheduled = (context: InstanceContext, page: PageRequest) =>
  schedule.listScheduled(context.deps.db, context.instance.id, page);

export const cancelScheduled = (context: InstanceContext, { messageId }: { messageId: string }) =>
  schedule.cancelScheduled(context.deps, context.instance.id, messageId);
