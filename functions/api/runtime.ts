import type { Hono } from "hono";
import * as z from "zod";
import { systemClock } from "../../core/clock.ts";
import { ConfigError, readConfig, required } from "../../core/config.ts";
import { openVault } from "../../core/crypto/index.ts";
import { createKeyWrapper } from "../../core/crypto/wrapper.ts";
import { openDatabase } from "../../core/db/index.ts";
import { createEgress } from "../../core/egress/index.ts";
import { systemIds } from "../../core/id.ts";
import { createLogger } from "../../core/log.ts";
import { openQueues } from "../../core/queue/index.ts";
import { openStorage } from "../../core/storage/index.ts";
import { createApp } from "./app.ts";
import type { ApiEnv } from "./env.ts";

/** What only this function takes from its environment. */
const settings = z.object({
  /** Connections to Postgres. A Lambda serves one request at a time, so it takes one; a process that serves many sets more. */
  DATABASE_POOL: z.coerce.number().int().min(1).max(100).optional(),
  /** `1` where only this machine's user can reach the API: anybody may then make a key for a new user. */
  OPEN_KEY_GENERATION: z.enum(["0", "1"]).default("0"),
});

/** The app on everything real. Throws `ConfigError`, and what Postgres or KMS throw when they are away. */
export async function openApp(env: Record<string, string | undefined> = process.env): Promise<Hono<ApiEnv>> {
  const config = readConfig(env);
  const own = settings.safeParse(Object.fromEntries(Object.entries(env).filter(([, value]) => value !== "")));
  if (!own.success) throw new ConfigError(`The environment is not usable:\n${z.prettifyError(own.error)}`);
  const { DATABASE_POOL: pool, OPEN_KEY_GENERATION: open } = own.data;
  const db = openDatabase(required(config, "DATABASE_URL"), {
    name: "switchboard-api",
    max: pool ?? 1,
    // A Lambda may sit behind RDS Proxy, which shares sessions.
    prepare: pool !== undefined,
  });
  try {
    return createApp({
      config,
      db,
      vault: await openVault(db, await createKeyWrapper(config)),
      queues: openQueues(config),
      storage: openStorage(config),
      egress: createEgress({ allow: config.EGRESS_ALLOW }),
      clock: systemClock,
      ids: systemIds,
      log: createLogger("api", config.LOG_LEVEL),
      openKeyGeneration: open === "1",
    });
  } catch (error) {
    await db.close();
    throw error;
  }
}
