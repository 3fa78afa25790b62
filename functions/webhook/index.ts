import { withMetrics } from "../../core/metric/emit.ts";
import { once } from "../../core/once.ts";
import { openDependencies } from "../dependencies.ts";
import { createWebhookHandler } from "./handler.ts";

export const handler = withMetrics(createWebhookHandler(once(() => openDependencies("webhook"))));
