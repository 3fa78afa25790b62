import { readHistory } from "../../../core/message/history.ts";
import type { PageRequest } from "../../../core/message/page.ts";
import type { InstanceContext } from "../context.ts";

export const getHistory = (context: InstanceContext, { chatId, ...page }: PageRequest & { chatId: string }) =>
  readHistory(context.deps.db, context.instance.id, chatId, page);
