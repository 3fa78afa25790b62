import { once, openParts } from "../webhook/open.ts";
import { createCronHandler } from "./handler.ts";

export const handler = createCronHandler(once(() => openParts("cron")));
