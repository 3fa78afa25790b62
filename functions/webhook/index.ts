import { emitting } from "../../core/metric/emit.ts";
import { once } from "../../core/once.ts";
import { createWebhookHandler } from "./handler.ts";
import { openParts } from "./open.ts";

export const handler = emitting(createWebhookHandler(once(() => openParts("webhook"))));
