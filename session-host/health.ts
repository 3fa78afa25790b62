import { readConfig, required } from "../core/config.ts";
import { statusUrl } from "./host/status-server.ts";

/** For the container's health check: ends with 0 when the host beside it says that it is well. */
const config = readConfig();
const url = statusUrl({ host: config.METRICS_HOST, port: required(config, "METRICS_PORT") });
const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(3_000) }).catch(() => undefined);
process.exit(answer?.ok ? 0 : 1);
