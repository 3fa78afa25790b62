import { emitting } from "../../core/metric/emit.ts";
import { createWebhookHandler } from "./handler.ts";
import { once, openParts } from "./open.ts";

export const handler = emitting(createWebhookHandler(once(() => openParts("webhook"))));
