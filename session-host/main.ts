// Imports its modules dynamically, so that the signal handlers below are registered first. A host that is stopped while
// it loads still stops gracefully.
const running = (async () => {
  const { readConfig } = await import("../core/config.ts");
  const { createLogger } = await import("../core/log.ts");
  const { startWatchdog } = await import("../core/metric/watchdog.ts");
  const { startHost } = await import("./host/start.ts");
  const config = readConfig();
  const log = createLogger("session-host", config.LOG_LEVEL);
  try {
    startWatchdog(log);
    const { stop } = await startHost(config, log);
    log.info("ready");
    return { log, stop };
  } catch (error) {
    log.fatal({ err: error }, "the session host cannot start");
    process.exit(1);
  }
})();

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, async () => {
    const { log, stop } = await running;
    log.info({ signal }, "stopping");
    await stop();
    process.exit(0);
  });
}
// A local gateway runs the host as a child process and serves its queues. Without the parent, the host can do no work.
process.once("disconnect", () => process.exit(1));
