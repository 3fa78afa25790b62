import { randomUUID } from "node:crypto";
import { and, asc, eq, gt, isNull, or, sql } from "drizzle-orm";
import type { Permission } from "../caller.ts";
import type { Clock } from "../clock.ts";
import { sha256, type Vault } from "../crypto/index.ts";
import { sealedPlace } from "../crypto/sealed-place.ts";
import type { Database } from "../db/index.ts";
import type { Ids } from "../id.ts";
import type { Scope } from "../scope.ts";
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
  /** CIDRs; null allows any address. */
  ipRanges?: string[] | null;
  /** Ids; null allows all instances of the user. */
  instances?: string[] | null;
  /** Null allows everything within the permissions. */
  scopes?: Scope[] | null;
  expiresAt?: Date | null;
}

export interface ApiKey {
  id: string;
  userId: string;
  /** The key itself. It is shown only to its owner. */
  key: string;
  name: string;
  permissions: Permission[];
  createdAt: Date;
}

/**
 * Creates a key: a random UUID (122 random bits). A hash of the key is stored to find the key, and a ciphertext to show
 * it.
 */
export async function createApiKey(
  deps: KeyDeps,
  properties: NewApiKey,
  orm: Database["orm"] = deps.db.orm,
): Promise<ApiKey> {
  const id = deps.ids.uuid();
  const key = randomUUID();
  const createdAt = deps.clock.now();
  await orm.insert(apiKeys).values({
    id,
    userId: properties.userId,
    name: properties.name,
    hash: sha256(key),
    ciphertext: deps.vault.seal(Buffer.from(key), sealedPlace.apiKey(id)),
    permissions: properties.permissions,
    ipRanges: properties.ipRanges ?? null,
    instances: properties.instances ?? null,
    scopes: properties.scopes ?? null,
    expiresAt: properties.expiresAt ?? null,
    createdAt,
  });
  const { userId, name, permissions } = properties;
  return { id, userId, key, name, permissions, createdAt };
}

/** A condition that selects a user's valid keys: neither revoked nor expired. */
export const validKeys = (userId: string, now: Date) =>
  and(eq(apiKeys.userId, userId), isNull(apiKeys.revokedAt), or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)));

/**
 * Returns the key that a user login returns: the key that allows the most and lasts the longest, and the oldest of
 * several such keys. This order puts a replacement before the key that it replaced, and an unlimited key before a
 * limited one.
 */
export async function firstApiKey(deps: KeyDeps, userId: string): Promise<{ id: string; key: string } | null> {
  const [row] = await deps.db.orm
    .select({ id: apiKeys.id, ciphertext: apiKeys.ciphertext })
    .from(apiKeys)
    .where(validKeys(userId, deps.clock.now()))
    .orderBy(
      sql`jsonb_array_length(${apiKeys.permissions}) desc`,
      sql`${apiKeys.scopes} is null desc, ${apiKeys.instances} is null desc, ${apiKeys.ipRanges} is null desc`,
      sql`${apiKeys.expiresAt} desc nulls first`,
      asc(apiKeys.createdAt),
      asc(apiKeys.id),
    )
    .limit(1);
  return row ? { id: row.id, key: deps.vault.open(row.ciphertext, sealedPlace.apiKey(row.id)).toString() } : null;
}

/** Revokes a key at once. Returns false if the user has no such key or it was revoked before. */
export async function revokeApiKey(deps: KeyDeps, which: { userId: string; keyId: string }): Promise<boolean> {
  const rows = await deps.db.orm
    .update(apiKeys)
    .set({ revokedAt: deps.clock.now() })
    .where(and(eq(apiKeys.id, which.keyId), eq(apiKeys.userId, which.userId), isNull(apiKeys.revokedAt)))
    .returning({ id: apiKeys.id });
  return rows.length > 0;
}
