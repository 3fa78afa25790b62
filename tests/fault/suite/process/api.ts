import { readConfig } from "../../../../core/config.ts";
import { createLogger } from "../../../../core/log.ts";
import { serveApi } from "../../../../local/gateway/functions.ts";
import { serveDriver } from "./port.ts";

/** The API function behind the local API Gateway, in a process of its own. */
const config = readConfig();
const api = await serveApi(config, createLogger("api", config.LOG_LEVEL));
process.once("SIGTERM", async () => {
  await api.stop();
  process.exit(0);
});
serveDriver({ url: api.url, port: api.port });
