import { type LogRequest, readLog } from "../../../core/event/log.ts";
import type { InstanceContext } from "../context.ts";

export const getEvents = (context: InstanceContext, request: LogRequest) =>
  readLog(context.deps.db, context.instance.id, request);
