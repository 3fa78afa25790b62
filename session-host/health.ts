import { readConfig, required } from "../core/config.ts";
import { statusUrl } from "./host/status-server.ts";

// The container's health check: exits with 0 if the host in this container reports that it is healthy, otherwise with
// 1.
const config = readConfig();
const url = statusUrl({ host: config.METRICS_HOST, port: required(config, "METRICS_PORT") });
const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(3_000) }).catch(() => undefined);
process.exit(response?.ok ? 0 : 1);
