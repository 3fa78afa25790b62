// Nothing is loaded before the signals are listened for: a host that is told to stop while it loads ends as it should.
const running = (async () => {
  const { readConfig } = await import("../core/config.ts");
  const { createLogger } = await import("../core/log.ts");
  const { startHost } = await import("./host/start.ts");
  const config = readConfig();
  const log = createLogger("session-host", config.LOG_LEVEL);
  try {
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
// The process that started this one has ended without a word, and with it the queues that it had for both.
process.once("disconnect", () => process.exit(1));
