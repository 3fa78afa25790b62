import type { Clock } from "../../../core/clock.ts";
import type { Config } from "../../../core/config.ts";
import type { Vault } from "../../../core/crypto/index.ts";
import type { Database } from "../../../core/db/index.ts";
import type { Egress } from "../../../core/egress/index.ts";
import type { Ids } from "../../../core/id.ts";
import type { Logger } from "../../../core/log.ts";
import type { Queues } from "../../../core/queue/index.ts";
import type { Storage } from "../../../core/storage/index.ts";

/** What the API is made of; everything that touches the world comes from here. */
export interface ApiDeps {
  config: Config;
  db: Database;
  /** Opens it, for the endpoints that say they need it (`secrets`). Throws when the database or KMS is away. */
  vault: () => Promise<Vault>;
  queues: Pick<Queues, "send" | "depth">;
  storage: Pick<Storage, "put" | "head" | "presign" | "presignPut">;
  /** To the endpoints of webhooks, for a test call. */
  egress: Pick<Egress, "fetch">;
  clock: Clock;
  ids: Ids;
  log: Logger;
  /** How long an answer waits for a command, in milliseconds. API Gateway gives up after 30 s. */
  waitMs?: number;
}

export const defaultWaitMs = 25_000;
