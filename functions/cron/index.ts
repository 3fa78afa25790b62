import { emitting } from "../../core/metric/emit.ts";
import { once } from "../../core/once.ts";
import { openParts } from "../dependencies.ts";
import { createCronHandler } from "./handler.ts";

export const handler = emitting(createCronHandler(once(() => openParts("cron"))));
