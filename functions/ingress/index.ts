import { readConfig } from "../../core/config.ts";
import { openReplyQueues } from "../../core/ingress/reply-queue.ts";
import { emitting } from "../../core/metric/emit.ts";
import { openQueues } from "../../core/queue/index.ts";
import { once, openParts } from "../webhook/open.ts";
import { createIngressHandler } from "./handler.ts";

export const handler = emitting(
  createIngressHandler(
    once(async () => {
      const config = readConfig();
      const queues = openQueues(config);
      const replyQueues = openReplyQueues(queues);
      return { ...(await openParts("ingress")), config, queues, replyQueues, shards: config.SHARDS };
    }),
  ),
);
