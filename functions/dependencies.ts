import { systemClock } from "../core/clock.ts";
import { parseEnv, poolSchema, readConfig, required } from "../core/config.ts";
import { openVault } from "../core/crypto/index.ts";
import { createKeyWrapper } from "../core/crypto/wrapper.ts";
import { Claims } from "../core/db/claim-lease.ts";
import { openDatabase } from "../core/db/index.ts";
import { createEgress } from "../core/egress/index.ts";
import type { SinkDeps } from "../core/event-sink/feed.ts";
import { systemIds } from "../core/id.ts";
import { createLogger } from "../core/log.ts";
import { openForeignQueues } from "../core/queue/foreign.ts";
import { openQueues, type Queues } from "../core/queue/index.ts";
import { defaultRetention, type Retention } from "../core/retention/index.ts";
import { openStorage, type Storage } from "../core/storage/index.ts";
import type { WebhookDeps } from "../core/webhook/delivery/batch.ts";
import { Successes } from "../core/webhook/delivery/successes.ts";

/** The dependencies of the functions behind the event queue, the ingress queue and the schedule. */
export interface Dependencies extends WebhookDeps, SinkDeps {
  successes: Successes;
  storage: Storage;
  queues: Queues;
  retention: Retention;
  close(): Promise<void>;
}

/** The longest timeout of these functions. */
const statementTimeoutMs = 60_000;

/** One more connection than a Lambda usually needs, because a batch writes results while it makes further attempts. */
const defaultPool = 2;

/** Opens all dependencies from the environment. Throws `ConfigError`. */
export async function openDependencies(name: string, env = process.env): Promise<Dependencies> {
  const config = readConfig(env);
  const pool = parseEnv(poolSchema, env).DATABASE_POOL;
  const wrapper = await createKeyWrapper(config);
  const db = openDatabase(required(config, "DATABASE_URL"), {
    max: pool ?? defaultPool,
    // Without a pool size, this process is a Lambda function. It may use RDS Proxy, which shares sessions between
    // clients.
    prepare: pool !== undefined,
    pooler: config.DATABASE_POOLER,
    name: `switchboard-${name}`,
    statementTimeoutMs,
  });
  try {
    const vault = await openVault(db, wrapper);
    const egress = createEgress({ allow: config.EGRESS_ALLOW });
    const storage = openStorage(config);
    const queues = openQueues(config);
    const foreignQueues = openForeignQueues(queues.client);
    const close = async () => {
      storage.client.destroy();
      queues.client.destroy();
      await egress.close();
      await db.close();
    };
    const log = createLogger(name);
    const claims = new Claims({ db, log, place: config.PROCESS_PLACE });
    const limits = { slowMs: config.WEBHOOK_SLOW_MS, perUser: config.WEBHOOK_USER_CONCURRENCY };
    const system = { clock: systemClock, ids: systemIds, retention: defaultRetention(config) };
    const publicUrl = config.WEBHOOK_FILES_URL ?? config.PUBLIC_URL;
    const successes = new Successes(db);
    return {
      db,
      successes,
      vault,
      egress,
      storage,
      publicUrl,
      queues,
      foreignQueues,
      claims,
      limits,
      ...system,
      log,
      close,
    };
  } catch (error) {
    await db.close();
    throw error;
  }
}
