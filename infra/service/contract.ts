import { apiFunction } from "./api.ts";
import { host } from "./host.ts";
import { migrate, triggers } from "./migration.ts";
import { streamFunction } from "./stream.ts";
import { cronFunction, ingressFunction, webhookFunction } from "./workers.ts";

/**
 * Drops what only the previous version uses, after the deployment has replaced all functions and hosts. If a host of that
 * version doesn't stop in time, the deployment fails, and the next one invokes the function again.
 */
export const contraction = new aws.lambda.Invocation(
  "MigrationContract",
  { functionName: migrate.name, input: JSON.stringify({ contract: true }), triggers },
  { dependsOn: [host, apiFunction, streamFunction, webhookFunction, ingressFunction, cronFunction] },
);
