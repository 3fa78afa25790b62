import { systemClock } from "../../core/clock.ts";
import { handOverOf } from "../../core/command/hand-over.ts";
import { type Config, required } from "../../core/config.ts";
import { openVault } from "../../core/crypto/index.ts";
import { createKeyWrapper } from "../../core/crypto/wrapper.ts";
import { Claims } from "../../core/db/claim-lease.ts";
import { openDatabase } from "../../core/db/index.ts";
import { detectPooler } from "../../core/db/pooler.ts";
import { createProxyDialer } from "../../core/egress/dial.ts";
import { createEgress } from "../../core/egress/index.ts";
import { systemIds } from "../../core/id.ts";
import type { Logger } from "../../core/log.ts";
import { startEmitting } from "../../core/metric/emit.ts";
import { count } from "../../core/metric/index.ts";
import { openQueues } from "../../core/queue/index.ts";
import { defaultRetention } from "../../core/retention/index.ts";
import { connectionName } from "../../core/shard/lease.ts";
import { openStorage } from "../../core/storage/index.ts";
import { version } from "../../core/version.ts";
import { prepareWhatsApp } from "../baileys/whatsapp.ts";
import { removeFoldersOfDead } from "../media/temp-folder.ts";
import { ClientVersions } from "../session/connection/client-version.ts";
import { Host } from "./host.ts";
import { hostIdentity } from "./identity.ts";
import { hostMetrics } from "./metrics.ts";
import { startStatusServer } from "./status-server.ts";
import { surviveErrors } from "./unhandled.ts";

/**
 * Opens the resources that the configuration describes, and starts a session host. `stop` closes everything in reverse
 * order.
 */
export async function startHost(config: Config, log: Logger): Promise<{ host: Host; stop(): Promise<void> }> {
  const endpoint = prepareWhatsApp(config);
  const { id, isDead } = hostIdentity();
  await using cleanup = new AsyncDisposableStack();
  let host: Host | undefined;
  const interrupt = (instanceId: string) => host?.interrupt(instanceId);
  cleanup.defer(surviveErrors({ log, interrupt, exit: () => process.exit(1) }));
  const databaseUrl = required(config, "DATABASE_URL");
  const db = openDatabase(databaseUrl, {
    max: 16,
    pooler: config.DATABASE_POOLER ?? (await detectPooler(databaseUrl)),
    name: connectionName(id),
    idleInTransactionTimeoutMs: 5_000,
  });
  cleanup.defer(() => db.close());
  const vault = await openVault(db, await createKeyWrapper(config));
  const egress = createEgress({ allow: config.EGRESS_ALLOW });
  cleanup.defer(() => egress.close());
  const claims = new Claims({ db, log, place: config.PROCESS_PLACE });
  const versions = new ClientVersions({ db, claims, endpoint, pinned: config.WHATSAPP_VERSION, log });
  cleanup.defer(() => versions.stop());
  host = new Host({
    host: id,
    isDead,
    db,
    queues: openQueues(config),
    handOver: handOverOf(config),
    storage: openStorage(config),
    vault,
    egress,
    dialProxy: createProxyDialer({ allow: config.EGRESS_ALLOW }),
    endpoint,
    versions,
    clock: systemClock,
    ids: systemIds,
    log,
    version,
    retention: defaultRetention(config),
    place: config.PROCESS_PLACE,
  });
  const { METRICS_HOST, METRICS_PORT: port } = config;
  if (port !== undefined) {
    const status = { metrics: hostMetrics(host, db, config.METRICS_INSTANCES), healthy: () => host.healthy };
    const server = await startStatusServer({ host: METRICS_HOST, port }, status);
    cleanup.defer(() => server.stop());
  }
  removeFoldersOfDead().catch((error: unknown) => log.warn({ err: error }, "old temporary folders were not removed"));
  count("HostsStarted");
  const emitting = startEmitting(config);
  cleanup.defer(() => emitting.stop());
  await versions.start();
  await host.start();
  cleanup.defer(() => host.stop());
  const started = cleanup.move();
  return { host, stop: () => started.disposeAsync() };
}
