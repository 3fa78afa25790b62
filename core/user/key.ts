import { randomUUID } from "node:crypto";
import { and, asc, eq, gt, isNull, or, sql } from "drizzle-orm";
import type { Clock } from "../clock.ts";
import { sha256, type Vault } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { Ids } from "../id.ts";
import { ipInRanges } from "./address.ts";
import { type Caller, granted, type Permission, type Role } from "./caller.ts";
import { apiKeys } from "./user.sql.ts";

export interface KeyDeps {
  db: Database;
  vault: Vault;
  clock: Clock;
  ids: Ids;
}

export interface NewApiKey {
  userId: string;
  name: string;
  permissions: Permission[];
  /** CIDRs; null is anywhere. */
  ipRanges?: string[] | null;
  expiresAt?: Date | null;
}

export interface ApiKey {
  id: string;
  /** The key itself: shown to its owner and to nobody else. */
  key: string;
  name: string;
  permissions: Permission[];
  createdAt: Date;
}

const sealedAt = (id: string) => `api-key:${id}`;
/** The last use is kept to the minute, so that a busy key is not a busy row. */
const lastUseResolutionMs = 60_000;

/** Makes a key: a random UUID (122 bits of chance), kept by hash to find it and sealed to show it. */
export async function createApiKey(
  deps: KeyDeps,
  wanted: NewApiKey,
  orm: Database["orm"] = deps.db.orm,
): Promise<ApiKey> {
  const id = deps.ids.uuid();
  const key = randomUUID();
  const createdAt = deps.clock.now();
  await orm.insert(apiKeys).values({
    id,
    userId: wanted.userId,
    name: wanted.name,
    hash: sha256(key),
    ciphertext: deps.vault.seal(Buffer.from(key), sealedAt(id)),
    permissions: wanted.permissions,
    ipRanges: wanted.ipRanges ?? null,
    expiresAt: wanted.expiresAt ?? null,
    createdAt,
  });
  return { id, key, name: wanted.name, permissions: wanted.permissions, createdAt };
}

/** Of a user's keys those that work: neither revoked nor expired. */
export const workingKeys = (userId: string, now: Date) =>
  and(eq(apiKeys.userId, userId), isNull(apiKeys.revokedAt), or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)));

/**
 * The user's key that allows the most and lasts the longest, of several the oldest: what login answers with. Thus a key that
 * was rotated does not come before its successor, nor a narrow one before a full one.
 */
export async function firstApiKey(deps: KeyDeps, userId: string): Promise<{ id: string; key: string } | null> {
  const [row] = await deps.db.orm
    .select({ id: apiKeys.id, ciphertext: apiKeys.ciphertext })
    .from(apiKeys)
    .where(workingKeys(userId, deps.clock.now()))
    .orderBy(
      sql`jsonb_array_length(${apiKeys.permissions}) desc, ${apiKeys.ipRanges} is null desc`,
      sql`${apiKeys.expiresAt} desc nulls first`,
      asc(apiKeys.createdAt),
      asc(apiKeys.id),
    )
    .limit(1);
  return row ? { id: row.id, key: deps.vault.open(row.ciphertext, sealedAt(row.id)).toString() } : null;
}

/** Revokes at once; a revoked key never works again. Answers whether there was such a key. */
export async function revokeApiKey(deps: KeyDeps, owner: { userId: string; keyId: string }): Promise<boolean> {
  const rows = await deps.db.orm
    .update(apiKeys)
    .set({ revokedAt: deps.clock.now() })
    .where(and(eq(apiKeys.id, owner.keyId), eq(apiKeys.userId, owner.userId), isNull(apiKeys.revokedAt)))
    .returning({ id: apiKeys.id });
  return rows.length > 0;
}

/**
 * Who a key stands for. `ip` is the address the connection came from.
 * Throws `invalid_credentials` (unknown, revoked, expired, user disabled) and `ip_not_allowed`.
 */
export async function callerOfKey(deps: KeyDeps, key: string, ip: string | undefined): Promise<Caller> {
  // A tagged template, which Postgres prepares once: every request comes through here.
  const [row] = await deps.db.sql<KeyRow[]>`
    select k.id, k.user_id, k.permissions, k.ip_ranges, k.expires_at, k.revoked_at, k.last_used_at, u.role, u.disabled_at,
      u.ip_ranges as user_ip_ranges
    from api_keys k join users u on u.id = k.user_id where k.hash = ${sha256(key)}`;
  const now = deps.clock.now();
  const expired = row?.expires_at && row.expires_at <= now;
  if (!row || row.revoked_at || row.disabled_at || expired) {
    throw new AppError("invalid_credentials", "the API key is not valid");
  }
  if (row.ip_ranges && !ipInRanges(ip, row.ip_ranges)) {
    throw new AppError("ip_not_allowed", "the API key may not be used from this address");
  }
  assertAddress(row.user_ip_ranges, ip);
  await noteUse(deps.db, row.id, row.last_used_at, now);
  return {
    userId: row.user_id,
    permissions: granted(row.role, row.permissions),
    key: { id: row.id, ipRanges: row.ip_ranges, expiresAt: row.expires_at },
  };
}

/** Throws `ip_not_allowed` unless a user with these ranges may call from the address. */
export function assertAddress(ipRanges: string[] | null, ip: string | undefined): void {
  if (!ipRanges || ipInRanges(ip, ipRanges)) return;
  throw new AppError("ip_not_allowed", "this user may not call from this address");
}

interface KeyRow {
  id: string;
  user_id: string;
  permissions: Permission[];
  ip_ranges: string[] | null;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
  role: Role;
  disabled_at: Date | null;
  user_ip_ranges: string[] | null;
}

/** Skips a row that another request is about to write: it writes the same minute. */
async function noteUse(db: Database, keyId: string, lastUsedAt: Date | null, now: Date): Promise<void> {
  const stale = new Date(now.getTime() - lastUseResolutionMs);
  if (lastUsedAt && lastUsedAt > stale) return;
  await db.sql`
    update api_keys set last_used_at = ${now.toISOString()}::timestamptz
    where id in (
      select id from api_keys
      where id = ${keyId} and (last_used_at is null or last_used_at <= ${stale.toISOString()}::timestamptz)
      for update skip locked)`;
}
