import { and, asc, eq, getTableColumns, type InferSelectModel, isNull, type SQL } from "drizzle-orm";
import { type Caller, isAdmin, type Permission } from "../caller.ts";
import { AppError } from "../error.ts";
import { ipInRanges, rangesWithin } from "../http/ip-ranges.ts";
import { isUuid } from "../id.ts";
import { defined } from "../object.ts";
import { isScope, type Scope } from "../scope.ts";
import { loadUser } from "./find.ts";
import { type ApiKey, createApiKey, firstApiKey, type KeyDeps, revokeApiKey, validKeys } from "./key.ts";
import { apiKeys } from "./user.sql.ts";

/** All properties of a key except the key itself. */
export type KeyRecord = Omit<InferSelectModel<typeof apiKeys>, "hash" | "ciphertext" | "revokedAt" | "scopes"> & {
  scopes: Scope[] | null;
};

/** The caller and the IP address of the connection. */
export interface Requester {
  caller: Caller;
  ip: string | undefined;
}

/** The limits of a key. A null `expiresAt` never expires; the other limits allow everything if they are null. */
export type Limits = Pick<KeyRecord, "permissions" | "ipRanges" | "instances" | "scopes" | "expiresAt">;

/** The default permissions of a key. */
export const keyPermissions: readonly Permission[] = ["read", "write"];

/** Returns the limits of the caller's credentials, with only those of the `permissions` that the caller has. */
export const limitedTo = (caller: Caller, permissions: readonly Permission[]): Limits => ({
  permissions: permissions.filter((permission) => caller.permissions.has(permission)),
  ipRanges: caller.key?.ipRanges ?? null,
  instances: caller.key?.instances ?? null,
  scopes: caller.key?.scopes ?? null,
  expiresAt: caller.key?.expiresAt ?? null,
});

/** Throws `forbidden` if the caller uses a key, and another key allows more than that key. */
function assertNotStronger(caller: Caller, key: Limits & Pick<KeyRecord, "id">): void {
  if (!caller.key || caller.key.id === key.id) return;
  try {
    assertWithin(caller, key);
  } catch (error) {
    throw new AppError("forbidden", "a key can't change or revoke a key that allows more than itself: log in", {
      cause: error,
    });
  }
}

/**
 * Throws `forbidden` if a key with limits would lift them: passwords and roles give access without the limits of a key.
 */
export function assertUnlimited({ key }: Caller, what: string): void {
  if (!key?.ipRanges && !key?.expiresAt && !key?.instances && !key?.scopes) return;
  throw new AppError("forbidden", `a key with IP ranges, an expiry, instances or scopes can't set ${what}`);
}

/** Throws `forbidden` if a key with these limits would allow more than the caller's credentials. */
function assertWithin(caller: Caller, limits: Limits): void {
  const own = caller.key;
  const missing = limits.permissions.find((permission) => !caller.permissions.has(permission));
  if (missing) {
    throw new AppError("forbidden", `these credentials can't grant the permission "${missing}", which they lack`);
  }
  if (own?.ipRanges && !(limits.ipRanges && rangesWithin(limits.ipRanges, own.ipRanges))) {
    throw new AppError("forbidden", "the IP ranges must be within those of the key in use");
  }
  if (own?.instances && !isWithin(limits.instances, own.instances)) {
    throw new AppError("forbidden", "the instances must be within those of the key in use");
  }
  if (own?.scopes && !isWithin(limits.scopes, own.scopes)) {
    throw new AppError("forbidden", "the scopes must be within those of the key in use");
  }
  if (own?.expiresAt && !(limits.expiresAt && limits.expiresAt <= own.expiresAt)) {
    throw new AppError("forbidden", "the key can't expire later than the key in use");
  }
}

const isWithin = <Item>(limit: readonly Item[] | null, own: readonly Item[]): boolean =>
  limit?.every((item) => own.includes(item)) ?? false;

/** Throws `invalid_request` if the ranges exclude the caller's address, unless `force` is set. */
export function assertNotShutOut(
  requester: Requester,
  ranges: string[] | null | undefined,
  force: boolean | undefined,
): void {
  if (!ranges || force || ipInRanges(requester.ip, ranges)) return;
  throw new AppError(
    "invalid_request",
    `allowedIps: your own address (${requester.ip ?? "unknown"}) is not included, so you would lose access. Set "force": true to do it anyway`,
  );
}

/** Returns the owner of the keys: the caller, or any user for an admin. Throws `forbidden` and `user_not_found`. */
async function ownerOf(deps: KeyDeps, caller: Caller, userId: string | undefined) {
  if (userId !== undefined && userId !== caller.userId && !isAdmin(caller)) {
    throw new AppError("forbidden", "these keys belong to another user");
  }
  return loadUser(deps.db, userId ?? caller.userId);
}

const { hash: _hash, ciphertext: _ciphertext, revokedAt: _revokedAt, ...publicColumns } = getTableColumns(apiKeys);

const recordOf = <Row extends { scopes: string[] | null }>(row: Row) => ({
  ...row,
  scopes: row.scopes?.filter(isScope) ?? null,
});

/** Lists the valid keys, the oldest first. Throws `forbidden` and `user_not_found`. */
export async function listKeys(deps: KeyDeps, caller: Caller, userId: string | undefined): Promise<KeyRecord[]> {
  const owner = await ownerOf(deps, caller, userId);
  const rows = await deps.db.orm
    .select(publicColumns)
    .from(apiKeys)
    .where(validKeys(owner.id, deps.clock.now()))
    .orderBy(asc(apiKeys.createdAt), asc(apiKeys.id));
  return rows.map(recordOf);
}

export interface KeyRequest {
  name: string;
  permissions?: Permission[] | undefined;
  ipRanges?: string[] | null | undefined;
  instances?: string[] | null | undefined;
  scopes?: Scope[] | null | undefined;
  expiresAt?: Date | null | undefined;
  /** The owner. Default: the caller. */
  userId?: string | undefined;
}

/**
 * Creates a key. Limits that are not given default to those of the caller's credentials. Throws `forbidden` if the key
 * would allow more than these, or if it is for another user and the caller is not an admin; `invalid_request` and
 * `user_not_found`.
 */
export async function createKey(deps: KeyDeps, caller: Caller, request: KeyRequest): Promise<ApiKey & KeyRecord> {
  const owner = await ownerOf(deps, caller, request.userId);
  const { permissions, ipRanges, instances, scopes, expiresAt } = request;
  const own = limitedTo(caller, keyPermissions);
  const limits: Limits = {
    permissions: permissions === undefined ? own.permissions : [...new Set(permissions)],
    ipRanges: ipRanges === undefined ? own.ipRanges : ipRanges,
    instances: instances === undefined ? own.instances : instances,
    scopes: scopes === undefined ? own.scopes : scopes,
    expiresAt: expiresAt === undefined ? own.expiresAt : expiresAt,
  };
  assertWithin(caller, limits);
  if (limits.expiresAt) assertFuture(deps, limits.expiresAt);
  if (limits.permissions.includes("admin") && owner.role !== "admin") {
    throw new AppError("invalid_request", 'permissions: only keys of admins can have "admin"');
  }
  await assertOwned(deps, owner.id, instances);
  const created = await createApiKey(deps, { userId: owner.id, name: request.name, ...limits });
  return { ...created, ...limits, userId: owner.id, lastUsedAt: null, lastUsedIp: null };
}

/** Throws `instance_not_found` unless all instances belong to the user. Says nothing about instances of other users. */
async function assertOwned({ db }: KeyDeps, userId: string, ids: readonly string[] | null | undefined): Promise<void> {
  if (!ids) return;
  const owned = await db.sql`
    select from instances where id = any(${[...ids]}::uuid[]) and user_id = ${userId} and deleted_at is null`;
  if (owned.length < new Set(ids).size) {
    throw new AppError("instance_not_found", "instances: the owner of the key has no such instance");
  }
}

export interface KeyChanges {
  keyId: string;
  userId?: string | undefined;
  name?: string | undefined;
  /** CIDRs; null allows any address. */
  ipRanges?: string[] | null | undefined;
  instances?: string[] | null | undefined;
  scopes?: Scope[] | null | undefined;
  expiresAt?: Date | null | undefined;
  /** Allows ranges for the key in use that exclude the caller. */
  force?: boolean | undefined;
}

/**
 * Changes the given properties of a key. Throws `key_not_found`; `forbidden` if the key allows more than the caller's
 * credentials, or would with the new limits; `invalid_request` if this is the key in use and the ranges exclude the caller;
 * `instance_not_found`.
 */
export async function changeKey(deps: KeyDeps, requester: Requester, changes: KeyChanges): Promise<KeyRecord> {
  const { caller } = requester;
  const { keyId, name, ipRanges, instances, scopes, expiresAt } = changes;
  const owner = await ownerOf(deps, caller, changes.userId);
  const where = and(eq(apiKeys.id, keyId), validKeys(owner.id, deps.clock.now()));
  const key = await findKey(deps, owner.id, keyId, validKeys(owner.id, deps.clock.now()));
  if (!key) throw new AppError("key_not_found");
  assertNotStronger(caller, key);
  const limits = defined({ ipRanges, instances, scopes, expiresAt });
  if (Object.keys(limits).length > 0) {
    assertWithin(caller, { ...key, ...limits });
    if (caller.key?.id === keyId) assertNotShutOut(requester, ipRanges, changes.force);
    if (expiresAt) assertFuture(deps, expiresAt);
    await assertOwned(deps, owner.id, instances);
  }
  const changed = { ...limits, ...defined({ name }) };
  if (Object.keys(changed).length === 0) return key;
  const [row] = await deps.db.orm.update(apiKeys).set(changed).where(where).returning(publicColumns);
  if (!row) throw new AppError("key_not_found");
  return recordOf(row);
}

function assertFuture({ clock }: KeyDeps, expiresAt: Date): void {
  if (expiresAt <= clock.now()) throw new AppError("invalid_request", "expiresAt: must be in the future");
}

/**
 * Revokes a key at once. Throws `key_not_found`, `user_not_found`, and `forbidden` if the key allows more than the caller's
 * credentials.
 */
export async function removeKey(deps: KeyDeps, caller: Caller, which: { keyId: string; userId?: string | undefined }) {
  const owner = await ownerOf(deps, caller, which.userId);
  const key = await findKey(deps, owner.id, which.keyId, isNull(apiKeys.revokedAt));
  if (!key) throw new AppError("key_not_found");
  assertNotStronger(caller, key);
  if (!(await revokeApiKey(deps, { userId: owner.id, keyId: key.id }))) throw new AppError("key_not_found");
}

/** Finds a key of a user that meets a further condition, by an id that may have any form. */
async function findKey(
  deps: KeyDeps,
  userId: string,
  keyId: string,
  condition: SQL | undefined,
): Promise<KeyRecord | undefined> {
  if (!isUuid(keyId)) return undefined;
  const where = and(eq(apiKeys.id, keyId), eq(apiKeys.userId, userId), condition);
  const [key] = await deps.db.orm.select(publicColumns).from(apiKeys).where(where);
  return key && recordOf(key);
}

/**
 * Replaces the key in use or, with a token, the key that login returns. The new key has the same name, permissions,
 * ranges and expiry. The old key stays valid for `overlapSeconds`, unless it expires sooner. Throws `key_not_found` if
 * there is no key to replace, and `invalid_credentials` if the key was rotated meanwhile.
 */
export async function rotateKey(
  deps: KeyDeps,
  caller: Caller,
  options: { name?: string | undefined; overlapSeconds: number },
): Promise<{ apiKey: string; previousValidUntil: Date | null }> {
  const keyId = caller.key?.id ?? (await firstApiKey(deps, caller.userId))?.id;
  if (!keyId) throw new AppError("key_not_found", "there is no key to rotate: create one");
  return deps.db.orm.transaction(async (tx) => {
    const now = deps.clock.now();
    const current = and(eq(apiKeys.id, keyId), validKeys(caller.userId, now));
    const [old] = await tx.select(publicColumns).from(apiKeys).where(current).for("update");
    if (!old) throw new AppError("invalid_credentials", "the key was rotated or revoked meanwhile");
    const overlapEnd = new Date(now.getTime() + options.overlapSeconds * 1000);
    const validUntil = old.expiresAt && old.expiresAt < overlapEnd ? old.expiresAt : overlapEnd;
    const overlaps = options.overlapSeconds > 0;
    await tx
      .update(apiKeys)
      .set(overlaps ? { expiresAt: validUntil } : { revokedAt: now })
      .where(eq(apiKeys.id, keyId));
    const { permissions, ipRanges, instances, scopes, expiresAt } = recordOf(old);
    const limits = { permissions, ipRanges, instances, scopes, expiresAt };
    const name = options.name ?? old.name;
    const created = await createApiKey(deps, { userId: caller.userId, name, ...limits }, tx);
    return { apiKey: created.key, previousValidUntil: overlaps ? validUntil : null };
  });
}
