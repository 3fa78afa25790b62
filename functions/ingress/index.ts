import { readConfig } from "../../core/config.ts";
import { withMetrics } from "../../core/metric/emit.ts";
import { once } from "../../core/once.ts";
import { defaultQuotas } from "../../core/quota/limits.ts";
import { openDependencies } from "../dependencies.ts";
import { createIngressHandler } from "./handler.ts";

export const handler = withMetrics(
  createIngressHandler(
    once(async () => {
      const config = readConfig();
      const quotas = defaultQuotas(config);
      return { ...(await openDependencies("ingress")), config, quotas, shards: config.SHARDS };
    }),
  ),
);
