import { withMetrics } from "../../core/metric/emit.ts";
import { once } from "../../core/once.ts";
import { openDependencies } from "../dependencies.ts";
import { createCronHandler } from "./handler.ts";

export const handler = withMetrics(createCronHandler(once(() => openDependencies("cron"))));
