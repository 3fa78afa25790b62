import { readConfig } from "../core/config.ts";
import { createLogger } from "../core/log.ts";

const config = readConfig();
const log = createLogger("session-host", config.LOG_LEVEL);

// Loaded when the signals are listened for: a host that is told to stop while it loads ends as it should.
const running = import("./start.ts").then(({ startHost }) => startHost(config, log));
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
