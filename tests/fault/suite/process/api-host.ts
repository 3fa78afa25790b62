import { readConfig } from "../../../../core/config.ts";
import { createLogger } from "../../../../core/log.ts";
import { serveApi } from "../../../../local/gateway/functions.ts";
import { startHost } from "../../../../session-host/host/start.ts";
import { serveDriver } from "./port.ts";

/** The API and a session host in one process, so that commands of the host's shards don't need SQS. */
const config = readConfig();
const log = createLogger("api-host", config.LOG_LEVEL);
const api = await serveApi(config, log);
serveDriver({ url: api.url });
const starting = startHost(config, log.child({ part: "session-host" }));
process.once("SIGTERM", async () => {
  await (await starting).stop();
  await api.stop();
  process.exit(0);
});
await starting;
