import { systemClock } from "../../core/clock.ts";
import { type Config, required } from "../../core/config.ts";
import { openVault } from "../../core/crypto/index.ts";
import { createKeyWrapper } from "../../core/crypto/wrapper.ts";
import { ensureAppRole, roleOf } from "../../core/db/app-role.ts";
import { openDatabase } from "../../core/db/index.ts";
import { type MigrateOptions, migrate } from "../../core/db/migrate.ts";
import { detectPooler, type Pooler, setRoleTimeout } from "../../core/db/pooler.ts";
import { systemIds } from "../../core/id.ts";
import { readFleet } from "../../core/shard/fleet.ts";
import { ensureFirstAdmin, type FirstAdmin, resetAdmin } from "../../core/user/index.ts";
import { sealAllHeaders } from "../../core/webhook/delivery/stored-headers.ts";

export interface Prepared {
  /** The first admin, if this call created it, or the admin that this call reset; otherwise null. */
  firstAdmin: FirstAdmin | null;
  /** Whether an admin has stopped the session hosts. */
  stopped: boolean;
  /** The kind of pooler that `DATABASE_URL` leads to, as set or detected. */
  pooler: Pooler;
}

/**
 * Migrates the database to the newest schema, encrypts what earlier versions stored in clear text, and creates the first
 * admin if there is none. With `ADMIN_RESET`, gives the admin access again. Throws `MigrationUnfinished` if `signal` aborts.
 */
export async function prepareDatabase(
  config: Config,
  options: Pick<MigrateOptions, "contract" | "signal"> = {},
): Promise<Prepared> {
  const url = required(config, "DATABASE_URL");
  const ownerUrl = config.DATABASE_OWNER_URL ?? url;
  const hasAppRole = roleOf(ownerUrl) !== roleOf(url);
  if (hasAppRole) await ensureAppRole(ownerUrl, url, options.signal);
  await migrate(ownerUrl, config.SHARDS, { ...options, appRole: hasAppRole ? roleOf(url) : undefined });
  const pooler = config.DATABASE_POOLER ?? (await detectPooler(url));
  const db = openDatabase(url, { max: 1, name: "setup", pooler });
  try {
    if (pooler !== "none") await setRoleTimeout(db.sql);
    const vault = await openVault(db, await createKeyWrapper(config));
    await sealAllHeaders(db, vault);
    const admin = { email: config.ADMIN_EMAIL, password: config.ADMIN_PASSWORD };
    const deps = { db, vault, clock: systemClock, ids: systemIds };
    const firstAdmin = await (config.ADMIN_RESET ? resetAdmin(deps, admin) : ensureFirstAdmin(deps, admin));
    return { firstAdmin, stopped: (await readFleet(db)).stopped, pooler };
  } finally {
    await db.close();
  }
}
