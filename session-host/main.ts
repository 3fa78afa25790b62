import { readConfig } from "../core/config.ts";
import { createLogger } from "../core/log.ts";
import { startHost } from "./start.ts";

const config = readConfig();
const log = createLogger("session-host", config.LOG_LEVEL);

const running = startHost(config, log);
running.then(
  () => log.info("ready"),
  (error: unknown) => {
    log.fatal({ err: error }, "the session host cannot start");
    process.exit(1);
  },
);

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, async () => {
    log.info({ signal }, "stopping");
    await (await running).stop();
    process.exit(0);
  });
}
