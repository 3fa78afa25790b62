import type { Clock } from "../../core/clock.ts";
import type { Vault } from "../../core/crypto/index.ts";
import type { Database } from "../../core/db/index.ts";
import type { Egress } from "../../core/egress/index.ts";
import type { Ids } from "../../core/id.ts";
import type { Logger } from "../../core/log.ts";
import type { Queues } from "../../core/queue/index.ts";
import type { Storage } from "../../core/storage/index.ts";
import type { WhatsAppEndpoint } from "../baileys/whatsapp.ts";
import type { Limiter } from "../concurrency/limiter.ts";
import type { Conversions } from "../media/conversion.ts";
import type { MediaStage } from "../media/stage.ts";
import type { SharedCaches } from "../session/caches.ts";
import type { ClientVersions } from "../session/client-version.ts";

export interface HostOptions {
  /** Unique among the hosts that ever share a database. */
  host: string;
  /** Whether another host is known to be dead, so that its leases are free before they run out. */
  isDead: (host: string) => boolean;
  db: Database;
  queues: Queues;
  storage: Storage;
  vault: Vault;
  egress: Egress;
  endpoint: WhatsAppEndpoint;
  versions: ClientVersions;
  clock: Clock;
  ids: Ids;
  log: Logger;
  version: string;
}

/** Dependencies that the shards of a host share. */
export interface HostDeps extends HostOptions {
  caches: SharedCaches;
  logins: Limiter;
  conversions: Conversions;
  media: MediaStage;
}
