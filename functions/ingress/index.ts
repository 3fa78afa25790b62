import { readConfig } from "../../core/config.ts";
import { openReplyQueues } from "../../core/ingress/reply-queue.ts";
import { emitting } from "../../core/metric/emit.ts";
import { once, openParts } from "../webhook/open.ts";
import { createIngressHandler } from "./handler.ts";

export const handler = emitting(
  createIngressHandler(
    once(async () => {
      const config = readConfig();
      const parts = await openParts("ingress");
      return { ...parts, config, replyQueues: openReplyQueues(parts.queues), shards: config.SHARDS };
    }),
  ),
);
