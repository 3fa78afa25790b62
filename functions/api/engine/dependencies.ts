import type { Clock } from "../../../core/clock.ts";
import type { HandOver } from "../../../core/command/hand-over.ts";
import type { Config } from "../../../core/config.ts";
import type { Vault } from "../../../core/crypto/index.ts";
import type { Database } from "../../../core/db/index.ts";
import type { Egress } from "../../../core/egress/index.ts";
import type { LiveEvents } from "../../../core/event-stream/live.ts";
import type { Ids } from "../../../core/id.ts";
import type { Logger } from "../../../core/log.ts";
import type { Queues } from "../../../core/queue/index.ts";
import type { Storage } from "../../../core/storage/index.ts";

/** The dependencies of the API: everything with side effects. */
export interface ApiDeps {
  config: Config;
  db: Database;
  /** Opens the vault, for endpoints with `secrets`. Throws if the database or KMS is not reachable. */
  vault: () => Promise<Vault>;
  queues: Pick<Queues, "send" | "depth">;
  /** The session hosts of this process. */
  handOver?: HandOver | undefined;
  storage: Pick<Storage, "put" | "head" | "presign" | "presignPut">;
  /** For test deliveries to webhook endpoints. */
  egress: Pick<Egress, "fetch">;
  clock: Clock;
  ids: Ids;
  log: Logger;
  /** Live events, for streams and for requests that wait for events. */
  live: () => Promise<LiveEvents>;
  /** How long a request waits for its command, in milliseconds. API Gateway gives up after 30 s. */
  waitMs?: number;
}

export const defaultWaitMs = 25_000;
