import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../../core/clock.ts";
import { readConfig } from "../../../core/config.ts";
import { openVault } from "../../../core/crypto/index.ts";
import { createKeyWrapper } from "../../../core/crypto/wrapper.ts";
import { openDatabase } from "../../../core/db/index.ts";
import { migrate } from "../../../core/db/migrate.ts";
import { systemIds } from "../../../core/id.ts";
import { createUser } from "../../../core/user/index.ts";
import { privateFile } from "../../../local/data/private-file.ts";
import { startPostgres } from "../../../local/postgres/index.ts";
import { Arrivals } from "../arrivals.ts";
import { WebhookCounter } from "../gateway/webhook-counter.ts";
import type { Study } from "../result/result.ts";
import { endChild, startChild } from "../subject.ts";
import type { Work, Worked } from "./webhook-worker.ts";

const module = fileURLToPath(new URL("./webhook-worker.ts", import.meta.url));
/** Records per batch, as SQS passes them to a Lambda. */
const batchSize = 10;

/** Measures the deliveries of one worker that handles one batch after another: of ten instances, and of one instance. */
export const webhooks: Study = async ({ folder, options, keep, progress, addProblem }) => {
  mkdirSync(folder, { recursive: true });
  const receiver = await WebhookCounter.start(new Arrivals());
  const postgres = await startPostgres({ dataDir: join(folder, "postgres") });
  const keyFile = join(folder, "master.key");
  await privateFile(keyFile, () => randomBytes(32));
  const env = {
    DATABASE_URL: postgres.url,
    MASTER_KEY_FILE: keyFile,
    EGRESS_ALLOW: "127.0.0.0/8",
    S3_ENDPOINT: "http://127.0.0.1:1",
    LOG_LEVEL: "info",
  };
  await migrate(postgres.url, 1);
  const db = openDatabase(postgres.url, { max: 2 });
  const { child } = startChild("webhook", module, folder, env);
  try {
    const vault = await openVault(db, await createKeyWrapper(readConfig(env)));
    const deps = { db, vault, clock: systemClock, ids: systemIds };
    const { user } = await createUser(deps, { email: "bench@example.com" });
    const instances = Array.from({ length: batchSize }, () => systemIds.uuid());
    for (const id of instances) {
      await db.sql`
        insert into instances (id, user_id, name, dialect, shard, webhook_url, webhook_enabled)
        values (${id}, ${user.id}, 'bench', 'multi-instance', 0, ${receiver.url}, true)`;
    }
    const batches = Math.ceil(options.texts / batchSize);
    for (const [name, chosen] of [
      [`${batchSize} instances`, instances],
      ["one instance", instances.slice(0, 1)],
    ] as const) {
      progress(`webhooks: ${batches} batches of ${name}`);
      const before = receiver.count("message_received");
      child.send({ instances: chosen, batches, batchSize } satisfies Work);
      const [{ spanMs, failed }] = (await once(child, "message")) as [Worked];
      const arrived = receiver.count("message_received") - before;
      if (failed > 0 || arrived !== batches * batchSize)
        addProblem(`${arrived} of ${batches * batchSize} webhooks arrived`);
      keep({ name: `webhooks of one worker, ${name}`, unit: "/s", value: (arrived / spanMs) * 1000 });
    }
  } finally {
    await endChild(child);
    await db.close();
    await postgres.stop();
    await receiver.stop();
  }
};
