import { type ClientVersion, clientVersion } from "../config.ts";
import { type ClaimLease, claimHasEnded, leaseHolds } from "../db/claim-lease.ts";
import type { Database } from "../db/index.ts";

export function isNewer(version: ClientVersion, than: ClientVersion): boolean {
  const index = version.findIndex((part, place) => part !== than[place]);
  return index >= 0 && (version[index] ?? 0) > (than[index] ?? 0);
}

/** Returns the version that the session hosts share, or undefined while no look-up has succeeded. */
export async function readClientVersion(db: Database): Promise<ClientVersion | undefined> {
  const [row] = await db.sql<{ version: number[] }[]>`
    select version::float8[] as version from client_version where version is not null`;
  return row && clientVersion.parse(row.version);
}

/**
 * Claims the next look-up for the calling host. Returns false if another look-up began less than `askedMs` ago or
 * succeeded less than `foundMs` ago. A look-up that takes less than `askedMs` is therefore the only look-up in the
 * fleet. A look-up whose host died doesn't count. Call `endLookUp` at the end of the look-up.
 */
export async function claimLookUp(
  db: Database,
  lease: ClaimLease,
  { askedMs, foundMs }: { askedMs: number; foundMs: number },
): Promise<boolean> {
  const { sql } = db;
  const rows = await sql`
    insert into client_version (asked_at, asked_by) select clock_timestamp(), ${lease.id} where ${leaseHolds(sql, lease)}
    on conflict (id) do update set asked_at = excluded.asked_at, asked_by = excluded.asked_by
    where (client_version.asked_at < clock_timestamp() - ${askedMs} * interval '1 ms'
        or ${claimHasEnded(sql, sql`client_version.asked_by`)})
      and (client_version.found_at is null
        or client_version.found_at <= clock_timestamp() - ${foundMs} * interval '1 ms')
    returning 1`;
  return rows.length > 0;
}

/** Records that the look-up that was claimed under this lease has ended, successfully or not. */
export async function endLookUp(db: Database, lease: ClaimLease): Promise<void> {
  await db.sql`update client_version set asked_by = null where asked_by = ${lease.id}`;
}

/**
 * Stores the version that a look-up found, and returns the version that is stored afterwards. An older version replaces
 * the stored version only if WhatsApp has refused the stored version (`refused`). WhatsApp publishes a release step by
 * step, so a later look-up can still find an older release.
 */
export async function keepClientVersion(
  db: Database,
  found: ClientVersion,
  refused: ClientVersion | undefined,
): Promise<ClientVersion> {
  const [row] = await db.sql<{ version: number[] }[]>`
    insert into client_version as kept (version, found_at, asked_at)
    values (${[...found]}::bigint[], clock_timestamp(), clock_timestamp())
    on conflict (id) do update set found_at = excluded.found_at,
      version = case when kept.version > excluded.version and kept.version is distinct from ${refused ? [...refused] : null}::bigint[]
        then kept.version else excluded.version end
    returning version::float8[] as version`;
  return clientVersion.parse(row?.version);
}
