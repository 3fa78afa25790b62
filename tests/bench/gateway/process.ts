import { createLogger } from "../../../core/log.ts";
import type { HostMode } from "../../../local/gateway/host-process.ts";
import { startGateway } from "../../../local/gateway/index.ts";

/** The command-line argument, as JSON. */
export interface Setting {
  env: Record<string, string>;
  host: HostMode;
}

/** The message to the driver when the gateway runs. */
export interface Running {
  url: string;
  /** Set only at the first start on a data folder. */
  apiKey: string | undefined;
}

const { env, host } = JSON.parse(process.argv[2] ?? "") as Setting;
Object.assign(process.env, env);
const gateway = await startGateway({ env, log: createLogger("gateway", env.LOG_LEVEL), host });
// Ctrl-C reaches the whole process group. The driver ends, and then this process stops the gateway and its Postgres.
process.on("SIGINT", () => undefined);
process.on("disconnect", async () => {
  await gateway.stop();
  process.exit();
});
process.send?.({ url: gateway.url, apiKey: gateway.firstAdmin?.apiKey.key } satisfies Running);
