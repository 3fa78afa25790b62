import { createLogger } from "../../../../core/log.ts";
import { startGateway } from "../../../../local/gateway/index.ts";
import { serveDriver } from "./port.ts";

/** All parts in one process, as with `npm start`, except for Postgres. The parts call the queues in the process. */
const gateway = await startGateway({ env: process.env, log: createLogger("gateway", process.env.LOG_LEVEL) });
process.once("SIGTERM", async () => {
  await gateway.stop();
  process.exit(0);
});
serveDriver({ url: gateway.url });
