import { randomBytes } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { type Caller, type Permission, permissions, type Role } from "../caller.ts";
import { advisoryLock } from "../db/advisory-lock.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { User } from "./find.ts";
import { type ApiKey, createApiKey, type KeyDeps, type NewApiKey } from "./key.ts";
import { keyPermissions, limitedTo } from "./manage-key.ts";
import { hashPassword, noPassword } from "./password.ts";
import { users } from "./user.sql.ts";

export { ipInRanges } from "../http/ip-ranges.ts";
export { callerOfKey, callerOfToken } from "./authenticate.ts";
export { findUser, loadUser, type User } from "./find.ts";
export { type ApiKey, createApiKey, firstApiKey, revokeApiKey } from "./key.ts";
export { changePassword, type Login, login } from "./login.ts";
export { deleteUser, listUsers, type OwnChanges, type UserChanges, updateMe, updateUser } from "./manage.ts";
export * from "./manage-key.ts";
export { maxPasswordLength } from "./password.ts";
export { createTokens, rotateSigningKey, type Tokens } from "./token.ts";

export type UserDeps = KeyDeps;

type Orm = Database["orm"];

/** This lock is taken before the first admin is created, so that concurrent starts create only one admin. */
const firstAdminLock = sql`select pg_advisory_xact_lock(${advisoryLock.firstAdmin})`;

export interface NewUser {
  email: string;
  /** Without a password, the user can only use keys. */
  password?: string | undefined;
  firstName?: string | undefined;
  lastName?: string | undefined;
  role?: Role | undefined;
  /** CIDRs; null allows any address. */
  ipRanges?: string[] | null | undefined;
  /** IANA name; null means UTC. */
  timeZone?: string | null | undefined;
  /** Already checked (`assertEventQueue`). */
  eventQueue?: string | null | undefined;
}

/**
 * Creates a user with a first key. With `caller`, the key allows no more than the caller's credentials: permissions, IP
 * ranges and lifetime. Throws `already_exists` if the email address is taken.
 */
export async function createUser(
  deps: UserDeps,
  user: NewUser,
  caller?: Caller,
): Promise<{ user: User; apiKey: ApiKey }> {
  const passwordHash = user.password === undefined ? noPassword : await hashPassword(user.password);
  const full = permissionsOf(user.role ?? "user");
  const key = { name: "default", ...(caller ? limitedTo(caller, full) : { permissions: full }) };
  return deps.db.orm.transaction((tx) => insertUser(deps, tx, user, passwordHash, key));
}

async function insertUser(
  deps: UserDeps,
  tx: Orm,
  properties: NewUser,
  passwordHash: string,
  key: Omit<NewApiKey, "userId"> = {
    name: "default",
    permissions: permissionsOf(properties.role ?? "user"),
  },
): Promise<{ user: User; apiKey: ApiKey }> {
  const now = deps.clock.now();
  const [user] = await tx
    .insert(users)
    .values({
      id: deps.ids.uuid(),
      email: properties.email.toLowerCase(),
      firstName: properties.firstName ?? "",
      lastName: properties.lastName ?? "",
      role: properties.role ?? "user",
      passwordHash,
      ipRanges: properties.ipRanges ?? null,
      timeZone: properties.timeZone ?? null,
      eventQueue: properties.eventQueue ?? null,
      createdAt: now,
      updatedAt: now,
    })
    .onConflictDoNothing({ target: users.email })
    .returning();
  if (!user) throw new AppError("already_exists", "a user with this email address exists");
  return { user, apiKey: await createApiKey(deps, { userId: user.id, ...key }, tx) };
}

export interface FirstAdmin {
  user: User;
  apiKey: ApiKey;
  /** The generated password, which can't be read again. Null if a password was given. */
  generatedPassword: string | null;
}

/**
 * Creates the first admin. Returns null if an admin exists. Concurrent calls create only one admin. The default email
 * address is `admin@switchboard.local`.
 */
export async function ensureFirstAdmin(
  deps: UserDeps,
  admin: { email?: string | undefined; password?: string | undefined } = {},
): Promise<FirstAdmin | null> {
  const anyAdmin = (orm: Orm) => orm.$count(users, eq(users.role, "admin"));
  if ((await anyAdmin(deps.db.orm)) > 0) return null;
  return deps.db.orm.transaction(async (tx) => {
    await tx.execute(firstAdminLock);
    if ((await anyAdmin(tx)) > 0) return null;
    const generatedPassword = admin.password === undefined ? randomBytes(15).toString("base64url") : null;
    const passwordHash = await hashPassword(admin.password ?? generatedPassword ?? "");
    const email = admin.email ?? "admin@switchboard.local";
    return { ...(await insertUser(deps, tx, { email, role: "admin" }, passwordHash)), generatedPassword };
  });
}

/**
 * Creates a key that allows no more than the caller's credentials: permissions, IP ranges and lifetime. Without a
 * caller, also creates a user who owns the key. The API decides when a call without a caller is allowed.
 */
export async function generateKey(
  deps: UserDeps,
  { caller, name }: { caller: Caller | undefined; name: string },
): Promise<ApiKey> {
  if (caller) {
    return createApiKey(deps, { userId: caller.userId, name, ...limitedTo(caller, keyPermissions) });
  }
  const email = `key-${deps.ids.uuid()}@local.invalid`;
  const key = { name, permissions: [...keyPermissions] };
  return deps.db.orm.transaction(async (tx) => (await insertUser(deps, tx, { email }, noPassword, key)).apiKey);
}

function permissionsOf(role: Role): Permission[] {
  return permissions.filter((permission) => permission !== "admin" || role === "admin");
}
