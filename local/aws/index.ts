import { createHash, randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { startFauxqs } from "fauxqs";
import { serveSqs } from "../../core/queue/service.ts";
import { rememberedPort } from "../data/port.ts";
import { privateFile } from "../data/private-file.ts";
import { guard } from "./guard.ts";
import { RouteFinder, sqsInProcess } from "./in-process.ts";
import type { Credentials } from "./sigv4.ts";

export type LocalAws = {
  /** http://127.0.0.1:<port>, for both SQS and S3. */
  endpoint: string;
  region: string;
  credentials: Credentials;
  /** The configuration for `new SQSClient(…)` and `new S3Client(…)` of the AWS SDK. */
  clientConfig: { endpoint: string; region: string; credentials: Credentials; forcePathStyle: true };
  /** Ends long polls and closes all connections. The results of all completed requests are on disk. */
  stop(): Promise<void>;
};

export type LocalAwsOptions = {
  /** Folder of the queues (SQLite) and the objects (plain files). Only one process may use it at a time. */
  dataDir: string;
  /** TCP port on 127.0.0.1. Default: the port of the last start if it is free, otherwise any free port. */
  port?: number;
  region?: string;
};

/** The largest body, in bytes. S3 allows 5 GB in one PUT, but this server holds each body in memory. */
const maxBodyBytes = 1024 ** 3;

/**
 * Starts SQS and S3 on 127.0.0.1. Their data survives restarts and crashes. Every request needs a valid AWS signature.
 * The credentials are random and stored in the data folder. The parts of this process can call SQS directly, see
 * `sqsFor`.
 */
export async function startAws(options: LocalAwsOptions): Promise<LocalAws> {
  const folder = resolve(options.dataDir);
  const region = options.region ?? "us-east-1";
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const credentials = await openCredentials(join(folder, "credentials.json"));
  // Stored queue URLs contain the port, so it should not change.
  const port = await rememberedPort(join(folder, "port"), options.port, "SQS and S3");
  const sqsRoute = new RouteFinder();
  const server = await startFauxqs({
    port,
    logger: false,
    defaultRegion: region,
    dataDir: join(folder, "sqs"),
    s3StorageDir: join(folder, "s3"),
    bodyLimit: maxBodyBytes,
    configure: (app) => {
      sqsRoute.watch(app);
      guard(credentials)(app);
    },
  });
  const endpoint = `http://127.0.0.1:${server.port}`;
  const endServing = serveSqs(endpoint, sqsInProcess(await sqsRoute.find()));
  return {
    endpoint,
    region,
    credentials,
    clientConfig: { endpoint, region, credentials, forcePathStyle: true },
    stop: async () => {
      endServing();
      await server.stop();
    },
  };
}

async function openCredentials(file: string): Promise<Credentials> {
  const text = (await privateFile(file, newCredentials)).toString();
  const stored: Partial<Credentials> = JSON.parse(text);
  if (!stored.accessKeyId || !stored.secretAccessKey)
    throw new Error(`${file} is damaged, because a key is missing. Delete the file to create new credentials.`);
  return { accessKeyId: stored.accessKeyId, secretAccessKey: stored.secretAccessKey };
}

function newCredentials(): string {
  const secretAccessKey = randomBytes(30).toString("base64url");
  const accessKeyId = `LOCAL${createHash("sha256").update(secretAccessKey).digest("hex").slice(0, 15).toUpperCase()}`;
  return JSON.stringify({ accessKeyId, secretAccessKey });
}
