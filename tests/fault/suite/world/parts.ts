import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { readConfig } from "../../../../core/config.ts";
import { type Database, openDatabase } from "../../../../core/db/index.ts";
import { createQueues, openQueues } from "../../../../core/queue/index.ts";
import { openStorage } from "../../../../core/storage/index.ts";
import { prepareDatabase } from "../../../../functions/migrate/prepare.ts";
import { openDataDir } from "../../../../local/data/index.ts";
import { type LocalPostgres, startPostgres } from "../../../../local/postgres/index.ts";
import { type LatencyRange, startWhatsApp, type WhatsApp } from "../../../../simulator/index.ts";
import { png } from "../../../support/media/png.ts";
import { type FileServer, startFileServer } from "../../../support/network/file-server.ts";
import { seedPostgres } from "../../../support/postgres.ts";
import { Child, type ChildOptions } from "../process/child.ts";
import { Endpoints } from "./endpoints.ts";

export interface PartsOptions {
  /** An empty folder for all data and logs. */
  folder: string;
  shards?: number;
  workers?: number;
  /**
   * Whether the only host process runs all parts of the gateway, as with `npm start`, and the process `api` uses its queues.
   * Only with the path `direct`.
   */
  whole?: boolean;
  logLevel?: string;
  /** Delays of the stanzas between the hosts and WhatsApp. Default: no delay. */
  latency?: LatencyRange;
  /** More environment variables of the processes of the gateway. */
  env?: Record<string, string>;
}

/** Everything in a world except for the processes of the gateway. */
export interface Parts {
  wa: WhatsApp;
  endpoints: Endpoints;
  files: FileServer;
  db: Database;
  env: Record<string, string>;
  directEnv: Record<string, string>;
  apiKey: string;
  network: Child;
  aws: Child;
  postgres: LocalPostgres;
  unlock: () => void;
}

export const workerSocket = (folder: string, name: string) => join(folder, `${name}.sock`);
const queuePrefix = "switchboard";

/** Starts the servers of a world and fills the database. */
export async function startParts({
  folder,
  shards = 4,
  workers = 2,
  whole = false,
  logLevel = "warn",
  env: more = {},
  latency,
}: PartsOptions): Promise<Parts> {
  await mkdir(folder, { recursive: true });
  const wa = await startWhatsApp({ directory: folder, ...(latency && { latency }) });
  const endpoints = await Endpoints.start();
  const files = await startFileServer({
    "/picture.png": { body: png(16), type: "image/png" },
    "/page": { body: Buffer.from("<title>A page</title>"), type: "text/html" },
  });
  const dataDir = await openDataDir(join(folder, "data"));
  await seedPostgres(join(folder, "postgres"));
  const postgres = await startPostgres({ dataDir: join(folder, "postgres") });
  const sockets = Array.from({ length: workers }, (_, index) => workerSocket(folder, `worker-${index}`));
  const aws = await ready({
    program: "aws",
    name: "aws",
    folder,
    env: { AWS_SETTING: JSON.stringify({ folder: join(folder, "data/aws"), queuePrefix, workers: sockets }) },
  });
  const { endpoint, credentials } = (await aws.ready) as {
    endpoint: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
  };
  const ports = { databasePort: postgres.port, awsPort: Number(new URL(endpoint).port) };
  const network = await ready({
    program: "network",
    name: "network",
    folder,
    env: { NETWORK_SETTING: JSON.stringify(ports) },
  });
  const proxies = (await network.ready) as typeof ports;
  const throughProxy = new URL(postgres.url);
  throughProxy.port = String(proxies.databasePort);
  const directEnv = {
    PORT: "0",
    SHARDS: String(shards),
    DATA_DIR: join(folder, "data"),
    MASTER_KEY_FILE: dataDir.masterKeyFile,
    EGRESS_ALLOW: "127.0.0.0/8",
    RATE_LIMIT: "0",
    WHATSAPP_URL: wa.url,
    WHATSAPP_ROOT_KEY: wa.rootKey,
    WHATSAPP_MEDIA_CA: wa.mediaCaFile ?? "",
    LOG_LEVEL: logLevel,
    DATABASE_POOL: "8",
    DATABASE_URL: postgres.url,
    SQS_ENDPOINT: endpoint,
    S3_ENDPOINT: endpoint,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ...more,
  };
  const proxy = `http://127.0.0.1:${proxies.awsPort}`;
  const env = { ...directEnv, DATABASE_URL: throughProxy.href, SQS_ENDPOINT: proxy, S3_ENDPOINT: proxy };
  const apiKey = await prepare(directEnv);
  const db = openDatabase(postgres.url, { max: 4, name: "fault-suite" });
  await recordHandOvers(db);
  // A whole gateway locks the folder and serves the queues in it, at the same address.
  if (whole) {
    dataDir.close();
    await aws.end("SIGTERM");
  }
  return { wa, endpoints, files, db, env, directEnv, apiKey, network, aws, postgres, unlock: () => dataDir.close() };
}

async function ready(options: ChildOptions): Promise<Child> {
  const child = new Child(options);
  await child.ready;
  return child;
}

/** Creates the tables, queues, bucket and first admin. Returns the admin's API key. */
async function prepare(env: Record<string, string>): Promise<string> {
  const config = readConfig(env);
  const queues = openQueues(config);
  const [{ firstAdmin }] = await Promise.all([
    prepareDatabase(config),
    createQueues(queues, config),
    openStorage(config).createBucket(),
  ]);
  queues.client.destroy();
  return firstAdmin?.apiKey.key ?? "";
}

/** Creates a table of the commands that were claimed in the statement that stored them. */
async function recordHandOvers({ sql }: Database): Promise<void> {
  await sql.unsafe(`
    create table handed_over (command_id uuid);
    create function record_hand_over() returns trigger language plpgsql as $$
      begin insert into handed_over values (new.id); return null; end $$;
    create trigger record_hand_over after insert on commands
      for each row when (new.status = 'claimed') execute function record_hand_over()`);
}
