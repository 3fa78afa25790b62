import { readChannels } from "../../../core/channel/index.ts";
import type { InstanceContext } from "../context.ts";

export const listChannels = (context: InstanceContext) => readChannels(context.deps.db, context.instance.id);
