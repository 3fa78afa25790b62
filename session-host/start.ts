import { systemClock } from "../core/clock.ts";
import { type Config, required } from "../core/config.ts";
import { openVault } from "../core/crypto/index.ts";
import { createKeyWrapper } from "../core/crypto/wrapper.ts";
import { openDatabase } from "../core/db/index.ts";
import { createEgress } from "../core/egress/index.ts";
import { systemIds } from "../core/id.ts";
import type { Logger } from "../core/log.ts";
import { openQueues } from "../core/queue/index.ts";
import { openStorage } from "../core/storage/index.ts";
import { version } from "../core/version.ts";
import { Host } from "./host.ts";
import { hostIdentity } from "./identity.ts";
import { prepareWhatsApp } from "./whatsapp.ts";

/** Opens what a host needs, as the configuration says, and starts it. */
export async function startHost(config: Config, log: Logger): Promise<{ host: Host; stop(): Promise<void> }> {
  const endpoint = prepareWhatsApp(config);
  const { id, isDead } = hostIdentity();
  const db = openDatabase(required(config, "DATABASE_URL"), {
    max: 16,
    name: `session-host ${id}`,
    idleInTransactionTimeoutMs: 5_000,
  });
  const vault = await openVault(db, await createKeyWrapper(config));
  const egress = createEgress({ allow: config.EGRESS_ALLOW });
  const host = new Host({
    host: id,
    isDead,
    db,
    queues: openQueues(config),
    storage: openStorage(config),
    vault,
    egress,
    endpoint,
    clock: systemClock,
    ids: systemIds,
    log,
    version,
  });
  await host.start();
  return {
    host,
    async stop() {
      await host.stop();
      await egress.close();
      await db.close();
    },
  };
}
