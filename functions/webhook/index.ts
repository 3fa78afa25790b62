import { createWebhookHandler } from "./handler.ts";
import { once, openParts } from "./open.ts";

export const handler = createWebhookHandler(once(() => openParts("webhook")));
