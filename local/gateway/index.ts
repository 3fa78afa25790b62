import { type Config, readConfig } from "../../core/config.ts";
import type { Logger } from "../../core/log.ts";
import { startWatchdog } from "../../core/metric/watchdog.ts";
import type { FirstAdmin } from "../../core/user/index.ts";
import { startAws } from "../aws/index.ts";
import { type DataDir, openDataDir } from "../data/index.ts";
import { startPostgres } from "../postgres/index.ts";
import type { HostMode } from "./host-process.ts";
import { releaseInFlight } from "./in-flight.ts";
import { webhookFilesUrl } from "./webhook-files-url.ts";

export interface GatewayOptions {
  /** The environment variables for `readConfig`. */
  env: Record<string, string | undefined>;
  log: Logger;
  /** Where the session host runs. Default `inside`. */
  host?: HostMode;
}

export interface Gateway {
  /** The URL of the REST API. */
  url: string;
  config: Config;
  /** The environment of the functions and the session host. Further processes of this gateway need it too. */
  env: Record<string, string>;
  /** The first admin, if this start created it, or the admin that this start reset. */
  firstAdmin: FirstAdmin | null;
  /** Whether an admin stopped the session hosts before this start. They then wait for a restart by an admin. */
  stopped: boolean;
  stop(): Promise<void>;
}

/** Size of the connection pool to Postgres of each function, the API included. */
const localPool = "8";

/**
 * Runs the whole gateway on this machine: Postgres, SQS and S3 (unless the environment names others), the Lambda handlers
 * behind local versions of API Gateway, event source mappings and the schedule, and the session host. If a step fails, stops
 * everything that this function has started.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { log } = options;
  const undo: (() => unknown)[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const watchdog = startWatchdog(log);
    undo.push(() => watchdog.stop());
    const requested = readConfig(options.env);
    const dataDir = await openDataDir(requested.DATA_DIR, (line) => log.warn(line));
    undo.push(() => dataDir.close());
    // Loads the functions while the database starts. Either takes a second or two.
    const loading = import("./functions.ts");
    const servers = await startServers(requested, dataDir, undo);
    const { prepare, releasePredecessor, serveApi, startFunctions, startHostProcess } = await loading;
    const place = requested.PROCESS_PLACE ?? dataDir.place;
    const settings: Record<string, string> = { ...strings(options.env), ...servers, PROCESS_PLACE: place };
    const { DATABASE_OWNER_URL, ...env } = settings;
    // Only the migration connects as the owner of the tables. The functions and the host don't get this URL.
    delete process.env.DATABASE_OWNER_URL;
    const { firstAdmin, stopped, pooler } = await prepare({ ...readConfig(env), DATABASE_OWNER_URL });
    if (pooler !== "none") log.info({ pooler }, "DATABASE_URL leads to a connection pooler");
    env.DATABASE_POOLER ||= pooler;
    const config = readConfig(env);
    // The folder is locked, so no earlier gateway of this place runs.
    await releasePredecessor(config, place);
    // As on AWS, the handlers read the environment of their process.
    Object.assign(process.env, env, { DATABASE_POOL: localPool });
    const api = await serveApi(config, log);
    undo.push(() => api.stop());
    env.WEBHOOK_FILES_URL ||= webhookFilesUrl(config, api, log);
    process.env.WEBHOOK_FILES_URL = env.WEBHOOK_FILES_URL;
    await startFunctions(config, log, undo);
    const host = await startHostProcess(options.host ?? "inside", config, env, log);
    undo.push(() => host.stop());
    return { url: api.url, config, env, firstAdmin, stopped, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Starts the servers that the configuration does not name. Returns the settings that point to them, and the master key file.
 */
async function startServers(
  config: Config,
  dataDir: DataDir,
  undo: (() => unknown)[],
): Promise<Record<string, string>> {
  const env: Record<string, string> = { MASTER_KEY_FILE: config.MASTER_KEY_FILE ?? dataDir.masterKeyFile };
  const needsAws = !config.SQS_ENDPOINT || !config.S3_ENDPOINT;
  if (needsAws) releaseInFlight(`${dataDir.path}/aws`);
  // If one server fails, the other one may still start. Waits for both, so that `undo` stops every server that runs.
  const withUndo = async <Server extends { stop(): unknown }>(starting: Promise<Server>): Promise<Server> => {
    const server = await starting;
    undo.push(() => server.stop());
    return server;
  };
  const starting = [
    config.DATABASE_URL ? undefined : withUndo(startPostgres({ dataDir: `${dataDir.path}/postgres` })),
    needsAws ? withUndo(startAws({ dataDir: `${dataDir.path}/aws`, region: config.AWS_REGION })) : undefined,
  ] as const;
  await Promise.allSettled(starting);
  const [postgres, aws] = await Promise.all(starting);
  if (postgres) Object.assign(env, { DATABASE_URL: postgres.appUrl, DATABASE_OWNER_URL: postgres.url });
  if (aws) {
    env.SQS_ENDPOINT = config.SQS_ENDPOINT ?? aws.endpoint;
    env.S3_ENDPOINT = config.S3_ENDPOINT ?? aws.endpoint;
    // Only this machine reaches the embedded S3.
    if (!config.S3_ENDPOINT) env.FILES_THROUGH_API = "true";
    env.AWS_ACCESS_KEY_ID = aws.credentials.accessKeyId;
    env.AWS_SECRET_ACCESS_KEY = aws.credentials.secretAccessKey;
  }
  return env;
}

function strings(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
