import { type Config, readConfig } from "../../core/config.ts";
import type { Logger } from "../../core/log.ts";
import type { FirstAdmin } from "../../core/user/index.ts";
import { startAws } from "../aws/index.ts";
import { type DataDir, openDataDir } from "../data/index.ts";
import { startPostgres } from "../postgres/index.ts";
import type { HostMode } from "./host-process.ts";
import { releaseInFlight } from "./in-flight.ts";

export interface GatewayOptions {
  /** The environment, as `readConfig` takes it. */
  env: Record<string, string | undefined>;
  log: Logger;
  /** Whether the session host lives in this process, in one of its own, or is somebody else's matter. Default `inside`. */
  host?: HostMode;
}

export interface Gateway {
  /** Of the REST API. */
  url: string;
  config: Config;
  /** What a process needs to join: as the Lambdas and the session host have it. */
  env: Record<string, string>;
  /** Only when it was made at this start. */
  firstAdmin: FirstAdmin | null;
  /** Whether an admin had stopped the session hosts before this start: then they wait for a restart. */
  stopped: boolean;
  stop(): Promise<void>;
}

const localPool = "8";

/**
 * Runs the whole gateway on this machine: Postgres, SQS and S3 unless the environment names others, the real Lambda
 * handlers behind stand-ins for API Gateway, event source mapping and schedule, and the session host. What has started
 * is stopped again when something after it fails.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { log } = options;
  const undo: (() => unknown)[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const asked = readConfig(options.env);
    const dataDir = await openDataDir(asked.DATA_DIR, (line) => log.warn(line));
    undo.push(() => dataDir.close());
    // The rest of the program is loaded while the database starts: each takes a second or two.
    const loading = import("./parts.ts");
    const servers = await startServers(asked, dataDir, undo);
    const { prepare, serveApi, startFunctions, startHostProcess } = await loading;
    const env = { ...strings(options.env), ...servers };
    const config = readConfig(env);
    const { firstAdmin, stopped } = await prepare(config);
    // As on AWS, the handlers take what they need from the environment of their process.
    Object.assign(process.env, env, { DATABASE_POOL: localPool });
    await startFunctions(config, log, undo);
    const api = await serveApi(config, log);
    undo.push(() => api.stop());
    const host = await startHostProcess(options.host ?? "inside", config, env, log);
    undo.push(() => host.stop());
    return { url: api.url, config, env, firstAdmin, stopped, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts what the environment does not name; answers how to reach it. */
async function startServers(
  config: Config,
  dataDir: DataDir,
  undo: (() => unknown)[],
): Promise<Record<string, string>> {
  const env: Record<string, string> = { MASTER_KEY_FILE: config.MASTER_KEY_FILE ?? dataDir.masterKeyFile };
  const wantAws = !config.SQS_ENDPOINT || !config.S3_ENDPOINT;
  if (wantAws) releaseInFlight(`${dataDir.path}/aws`);
  // Each is noted as soon as it runs, and all are waited for: one that fails must not leave the other behind.
  const noted = async <Server extends { stop(): unknown }>(starting: Promise<Server>): Promise<Server> => {
    const server = await starting;
    undo.push(() => server.stop());
    return server;
  };
  const starting = [
    config.DATABASE_URL ? undefined : noted(startPostgres({ dataDir: `${dataDir.path}/postgres` })),
    wantAws ? noted(startAws({ dataDir: `${dataDir.path}/aws`, region: config.AWS_REGION })) : undefined,
  ] as const;
  await Promise.allSettled(starting);
  const [postgres, aws] = await Promise.all(starting);
  if (postgres) env.DATABASE_URL = postgres.url;
  if (aws) {
    env.SQS_ENDPOINT = config.SQS_ENDPOINT ?? aws.endpoint;
    env.S3_ENDPOINT = config.S3_ENDPOINT ?? aws.endpoint;
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
