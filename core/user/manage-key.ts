import { and, asc, eq, getTableColumns, type InferSelectModel } from "drizzle-orm";
import { type Caller, isAdmin, type Permission } from "../caller.ts";
import { AppError } from "../error.ts";
import { isUuid } from "../id.ts";
import { defined } from "../object.ts";
import { loadUser } from "./find.ts";
import { ipInRanges, rangesWithin } from "./ip-ranges.ts";
import { type ApiKey, createApiKey, firstApiKey, type KeyDeps, revokeApiKey, workingKeys } from "./key.ts";
import { apiKeys } from "./user.sql.ts";

/** What there is to know about a key but the key itself. */
export type KeyRecord = Omit<InferSelectModel<typeof apiKeys>, "hash" | "ciphertext" | "revokedAt">;

/** Who asks, and from where. */
export interface Asking {
  caller: Caller;
  ip: string | undefined;
}

/** What a key allows: its permissions, from where and for how long; null is anywhere and for ever. */
export type Limits = Pick<KeyRecord, "permissions" | "ipRanges" | "expiresAt">;

/** What a key allows that nobody wished otherwise. */
export const keyPermissions: readonly Permission[] = ["read", "write"];

/** Of the permissions those that the caller has, with the limits of the caller's own key. */
export const limitedTo = (caller: Caller, permissions: readonly Permission[]): Limits => ({
  permissions: permissions.filter((permission) => caller.permissions.has(permission)),
  ipRanges: caller.key?.ipRanges ?? null,
  expiresAt: caller.key?.expiresAt ?? null,
});

/** Throws `forbidden` when a key with these limits would allow more than what it is asked with. */
function assertWithin(caller: Caller, limits: Limits): void {
  const own = caller.key;
  const more = limits.permissions.find((permission) => !caller.permissions.has(permission));
  if (more) throw new AppError("forbidden", `these credentials do not have the permission "${more}" to give`);
  if (own?.ipRanges && !(limits.ipRanges && rangesWithin(limits.ipRanges, own.ipRanges))) {
    throw new AppError("forbidden", "the key that is used is limited to IP ranges; this would allow others");
  }
  if (own?.expiresAt && !(limits.expiresAt && limits.expiresAt <= own.expiresAt)) {
    throw new AppError("forbidden", "the key that is used expires sooner");
  }
}

/** Throws `invalid_request` when the caller would be shut out by a list of its own, unless that is meant. */
export function assertNotShutOut(
  asking: Asking,
  ranges: string[] | null | undefined,
  force: boolean | undefined,
): void {
  if (!ranges || force || ipInRanges(asking.ip, ranges)) return;
  throw new AppError(
    "invalid_request",
    `allowedIps: your own address, ${asking.ip ?? "which is not known"}, is not among them: you would shut yourself out. Give "force": true if you mean it`,
  );
}

/** Whose keys are meant: the caller's own, or an admin's choice. Throws `forbidden` and `user_not_found`. */
async function ownerOf(deps: KeyDeps, caller: Caller, userId: string | undefined) {
  if (userId !== undefined && userId !== caller.userId && !isAdmin(caller)) {
    throw new AppError("forbidden", "these are somebody else's keys");
  }
  return loadUser(deps.db, userId ?? caller.userId);
}

const { hash: _hash, ciphertext: _ciphertext, revokedAt: _revokedAt, ...shown } = getTableColumns(apiKeys);

/** The keys that work, oldest first. Throws `forbidden` and `user_not_found`. */
export async function listKeys(deps: KeyDeps, caller: Caller, userId: string | undefined): Promise<KeyRecord[]> {
  const owner = await ownerOf(deps, caller, userId);
  return deps.db.orm
    .select(shown)
    .from(apiKeys)
    .where(workingKeys(owner.id, deps.clock.now()))
    .orderBy(asc(apiKeys.createdAt), asc(apiKeys.id));
}

export interface WantedKey {
  name: string;
  permissions?: Permission[] | undefined;
  ipRanges?: string[] | null | undefined;
  expiresAt?: Date | null | undefined;
  /** Whose it is; the caller's own by default. */
  userId?: string | undefined;
}

/**
 * Makes a key; what is not said is as narrow as what the caller uses. Throws `forbidden` when it would allow more, or is for
 * somebody else and the caller no admin; `invalid_request` and `user_not_found`.
 */
export async function makeKey(deps: KeyDeps, caller: Caller, wanted: WantedKey): Promise<ApiKey & KeyRecord> {
  const owner = await ownerOf(deps, caller, wanted.userId);
  const { permissions, ipRanges, expiresAt } = wanted;
  const own = limitedTo(caller, keyPermissions);
  const limits: Limits = {
    permissions: permissions === undefined ? own.permissions : [...new Set(permissions)],
    ipRanges: ipRanges === undefined ? own.ipRanges : ipRanges,
    expiresAt: expiresAt === undefined ? own.expiresAt : expiresAt,
  };
  assertWithin(caller, limits);
  if (limits.expiresAt && limits.expiresAt <= deps.clock.now()) {
    throw new AppError("invalid_request", "expiresAt: must be in the future");
  }
  if (limits.permissions.includes("admin") && owner.role !== "admin") {
    throw new AppError("invalid_request", 'permissions: "admin" is only for keys of admins');
  }
  const made = await createApiKey(deps, { userId: owner.id, name: wanted.name, ...limits });
  return { ...made, ...limits, userId: owner.id, lastUsedAt: null };
}

export interface KeyChanges {
  keyId: string;
  userId?: string | undefined;
  name?: string | undefined;
  /** CIDRs; null is anywhere. */
  ipRanges?: string[] | null | undefined;
  /** Whether the key in use may be limited to ranges that the caller is not in. */
  force?: boolean | undefined;
}

/**
 * Changes what is given of a key. Throws `key_not_found`; `forbidden` when new ranges would leave a key that allows more than
 * what the caller uses; `invalid_request` when they shut out the caller, who uses this very key.
 */
export async function changeKey(deps: KeyDeps, asking: Asking, changes: KeyChanges): Promise<KeyRecord> {
  const { caller } = asking;
  const { keyId, name, ipRanges } = changes;
  const owner = await ownerOf(deps, caller, changes.userId);
  const where = and(eq(apiKeys.id, keyId), workingKeys(owner.id, deps.clock.now()));
  const [key] = isUuid(keyId) ? await deps.db.orm.select(shown).from(apiKeys).where(where) : [];
  if (!key) throw new AppError("key_not_found");
  if (ipRanges !== undefined) {
    assertWithin(caller, { ...key, ipRanges });
    if (caller.key?.id === keyId) assertNotShutOut(asking, ipRanges, changes.force);
  }
  if (name === undefined && ipRanges === undefined) return key;
  const changed = defined({ name, ipRanges });
  const [row] = await deps.db.orm.update(apiKeys).set(changed).where(where).returning(shown);
  if (!row) throw new AppError("key_not_found");
  return row;
}

/** Revokes a key at once. Throws `key_not_found`, `forbidden` and `user_not_found`. */
export async function removeKey(deps: KeyDeps, caller: Caller, which: { keyId: string; userId?: string | undefined }) {
  const owner = await ownerOf(deps, caller, which.userId);
  const revoked = isUuid(which.keyId) && (await revokeApiKey(deps, { userId: owner.id, keyId: which.keyId }));
  if (!revoked) throw new AppError("key_not_found");
}

/**
 * Puts a new key in the place of the one that is used or, with a token, of the one that login shows: with its name,
 * permissions, ranges and expiry. The old one works for `overlapSeconds` more, if it does not end sooner anyway.
 * Throws `key_not_found` when there is none, and `invalid_credentials` to the second of two who rotate the same.
 */
export async function rotateKey(
  deps: KeyDeps,
  caller: Caller,
  options: { name?: string | undefined; overlapSeconds: number },
): Promise<{ apiKey: string; previousValidUntil: Date | null }> {
  const keyId = caller.key?.id ?? (await firstApiKey(deps, caller.userId))?.id;
  if (!keyId) throw new AppError("key_not_found", "there is no key to rotate: make one");
  return deps.db.orm.transaction(async (tx) => {
    const now = deps.clock.now();
    const current = and(eq(apiKeys.id, keyId), workingKeys(caller.userId, now));
    const [old] = await tx.select(shown).from(apiKeys).where(current).for("update");
    if (!old) throw new AppError("invalid_credentials", "the key was rotated or revoked meanwhile");
    const overlapEnd = new Date(now.getTime() + options.overlapSeconds * 1000);
    const validUntil = old.expiresAt && old.expiresAt < overlapEnd ? old.expiresAt : overlapEnd;
    const overlaps = options.overlapSeconds > 0;
    await tx
      .update(apiKeys)
      .set(overlaps ? { expiresAt: validUntil } : { revokedAt: now })
      .where(eq(apiKeys.id, keyId));
    const { permissions, ipRanges, expiresAt } = old;
    const name = options.name ?? old.name;
    const made = await createApiKey(deps, { userId: caller.userId, name, permissions, ipRanges, expiresAt }, tx);
    return { apiKey: made.key, previousValidUntil: overlaps ? validUntil : null };
  });
}
