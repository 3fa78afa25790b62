import { readConfig } from "../../core/config.ts";
import { withMetrics } from "../../core/metric/emit.ts";
import { once } from "../../core/once.ts";
import { openDependencies } from "../dependencies.ts";
import { createIngressHandler } from "./handler.ts";

export const handler = withMetrics(
  createIngressHandler(
    once(async () => {
      const config = readConfig();
      return { ...(await openDependencies("ingress")), config, shards: config.SHARDS };
    }),
  ),
);
