import type { Clock } from "../../core/clock.ts";
import type { HandOver } from "../../core/command/hand-over.ts";
import type { Vault } from "../../core/crypto/index.ts";
import type { Database } from "../../core/db/index.ts";
import type { ProxyDialer } from "../../core/egress/dial.ts";
import type { Egress } from "../../core/egress/index.ts";
import type { Announcer } from "../../core/event-stream/announce.ts";
import type { Ids } from "../../core/id.ts";
import type { Logger } from "../../core/log.ts";
import type { Queues } from "../../core/queue/index.ts";
import type { Retention } from "../../core/retention/index.ts";
import type { Storage } from "../../core/storage/index.ts";
import type { WhatsAppEndpoint } from "../baileys/whatsapp.ts";
import type { SearchPlaces } from "../concurrency/searches.ts";
import type { HistoryDecoder } from "../history/decoder.ts";
import type { SharedCommits } from "../ledger/shared-commits.ts";
import type { Conversions } from "../media/conversion.ts";
import type { MediaStage } from "../media/stage.ts";
import type { SharedCaches } from "../session/connection/caches.ts";
import type { ClientVersions } from "../session/connection/client-version.ts";
import type { LoginPlaces } from "../session/connection/login-places.ts";

/** What a host is started with. */
export interface HostOptions {
  /** The host's id, which is unique among all hosts that have ever used the database. */
  host: string;
  /** Whether another host is known to be dead. The leases of a dead host are released before they expire. */
  isDead: (host: string) => boolean;
  db: Database;
  queues: Queues;
  /** Gets the commands that the API of this process claims for the host. */
  handOver?: HandOver | undefined;
  storage: Storage;
  vault: Vault;
  egress: Egress;
  dialProxy: ProxyDialer;
  endpoint: WhatsAppEndpoint;
  versions: ClientVersions;
  clock: Clock;
  ids: Ids;
  log: Logger;
  version: string;
  /** The retention that the operator has set. */
  retention: Retention;
  /** See `PROCESS_PLACE`. */
  place?: string | undefined;
}

/** The host's options, and what its shards share. */
export interface HostDeps extends HostOptions {
  caches: SharedCaches;
  logins: LoginPlaces;
  conversions: Conversions;
  media: MediaStage;
  historyDecoder: HistoryDecoder;
  announcer: Announcer;
  searchPlaces: SearchPlaces;
  sharedCommits: SharedCommits;
}
