import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../core/clock.ts";
import { type AcceptDeps, acceptCommand } from "../../../core/command/accept.ts";
import type { CommandName } from "../../../core/command/catalog/index.ts";
import { type Config, readConfig } from "../../../core/config.ts";
import { openVault, type Vault } from "../../../core/crypto/index.ts";
import { createKeyWrapper } from "../../../core/crypto/wrapper.ts";
import { type Database, openDatabase } from "../../../core/db/index.ts";
import { migrate } from "../../../core/db/migrate.ts";
import { systemIds } from "../../../core/id.ts";
import { shardOf } from "../../../core/instance/index.ts";
import { createLogger } from "../../../core/log.ts";
import { createQueues, openQueues } from "../../../core/queue/index.ts";
import { defaultQuotas } from "../../../core/quota/limits.ts";
import { openStorage, type Storage } from "../../../core/storage/index.ts";
import { startAws } from "../../../local/aws/index.ts";
import { openDataDir } from "../../../local/data/index.ts";
import { startPostgres } from "../../../local/postgres/index.ts";
import { startWhatsApp, type WhatsApp } from "../../../simulator/index.ts";
import { until } from "../until.ts";
import { loadInstance } from "./load-instance.ts";

/** What a session host needs, without a gateway: Postgres, SQS, S3 and the simulated WhatsApp. */
export interface HostSetup {
  config: Config;
  env: Record<string, string>;
  db: Database;
  vault: Vault;
  storage: Storage;
  wa: WhatsApp;
  userId: string;
  createInstance(): Promise<string>;
  accept(
    instanceId: string,
    name: CommandName,
    input: unknown,
  ): Promise<{ commandId: string; messageId: string | null }>;
  /** Waits for a QR code that can be scanned, and returns it. */
  qr(instanceId: string): Promise<string>;
  /** Waits until the instance has that status. */
  status(instanceId: string, status: string, timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startHostSetup(settings: Record<string, string> = {}): Promise<HostSetup> {
  const directory = await mkdtemp(join(tmpdir(), "switchboard-test-"));
  const dataDir = await openDataDir(join(directory, "data"));
  const [postgres, aws, wa] = await Promise.all([
    startPostgres({ dataDir: join(dataDir.path, "postgres") }),
    startAws({ dataDir: join(dataDir.path, "aws") }),
    startWhatsApp({ port: 0, directory }),
  ]);
  const env = {
    DATABASE_URL: postgres.url,
    SQS_ENDPOINT: aws.endpoint,
    S3_ENDPOINT: aws.endpoint,
    AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    MASTER_KEY_FILE: dataDir.masterKeyFile,
    WHATSAPP_URL: wa.url,
    WHATSAPP_ROOT_KEY: wa.rootKey,
    WHATSAPP_MEDIA_CA: wa.mediaCaFile ?? "",
    EGRESS_ALLOW: "127.0.0.0/8",
    SHARDS: "2",
    LOG_LEVEL: process.env.TEST_LOG ?? "silent",
    DIRECT_CALLS: process.env.TEST_DIRECT_CALLS ?? "true",
    ...settings,
  };
  const config = readConfig(env);
  await migrate(postgres.url, config.SHARDS);
  const db = openDatabase(postgres.url, { name: "test" });
  const vault = await openVault(db, await createKeyWrapper(config));
  const queues = openQueues(config);
  await createQueues(queues, config);
  const storage = openStorage(config);
  await storage.createBucket();
  const userId = systemIds.uuid();
  await db.sql`insert into users (id, email, password_hash) values (${userId}, 'user@example.com', 'x')`;
  const deps: AcceptDeps = {
    db,
    queues,
    quotas: defaultQuotas(config),
    clock: systemClock,
    ids: systemIds,
    log: createLogger("test", env.LOG_LEVEL),
  };

  const setup: HostSetup = {
    config,
    env,
    db,
    vault,
    storage,
    wa,
    userId,
    async createInstance() {
      const id = systemIds.uuid();
      await db.sql`
        insert into instances (id, user_id, name, dialect, shard, status)
        values (${id}, ${userId}, 'test', 'gateway', ${shardOf(id, config.SHARDS)}, 'disconnected')`;
      await setup.accept(id, "instance.start", {});
      return id;
    },
    async accept(instanceId, name, input) {
      const instance = await loadInstance(db, instanceId);
      return await acceptCommand(deps, { userId, instance, name, input, correlationId: "test" });
    },
    async qr(instanceId) {
      return await until(async () => {
        const [row] = await db.sql<{ qr: Buffer | null }[]>`
          select qr from instances where id = ${instanceId} and qr_expires_at > now()`;
        return row?.qr ? vault.open(row.qr, `qr:${instanceId}`).toString() : undefined;
      });
    },
    async status(instanceId, status, timeoutMs = 30_000) {
      await until(async () => {
        const [row] = await db.sql`select status from instances where id = ${instanceId}`;
        return row?.status === status || undefined;
      }, timeoutMs);
    },
    async stop() {
      await db.close();
      await Promise.all([wa.stop(), aws.stop()]);
      await postgres.stop();
      dataDir.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return setup;
}
