import { createLogger } from "../../../core/log.ts";
import type { HostMode } from "../../../local/gateway/host-process.ts";
import { startGateway } from "../../../local/gateway/index.ts";

// Runs a whole gateway, which a test can kill. See `gateway-process.ts`.
const { env, host } = JSON.parse(process.argv[2] ?? "") as { env: Record<string, string>; host: HostMode };
Object.assign(process.env, env);
const gateway = await startGateway({ env, log: createLogger("gateway", env.LOG_LEVEL), host });
process.on("disconnect", async () => {
  await gateway.stop();
  process.exit();
});
process.send?.({ url: gateway.url, env: gateway.env, apiKey: gateway.firstAdmin?.apiKey.key });
