import { readConfig } from "../../core/config.ts";
import { emitting } from "../../core/metric/emit.ts";
import { once } from "../../core/once.ts";
import { openParts } from "../dependencies.ts";
import { createIngressHandler } from "./handler.ts";

export const handler = emitting(
  createIngressHandler(
    once(async () => {
      const config = readConfig();
      return { ...(await openParts("ingress")), config, shards: config.SHARDS };
    }),
  ),
);
