import { readConfig } from "../../core/config.ts";
import { openQueues } from "../../core/queue/index.ts";
import { once, openParts } from "../webhook/open.ts";
import { createCronHandler } from "./handler.ts";

export const handler = createCronHandler(
  once(async () => ({ ...(await openParts("cron")), queues: openQueues(readConfig()) })),
);
