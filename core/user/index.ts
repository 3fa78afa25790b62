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

export { callerOfKey, callerOfToken } from "./authenticate.ts";
export { findUser, loadUser, type User } from "./find.ts";
export { ipInRanges } from "./ip-ranges.ts";
export { type ApiKey, createApiKey, firstApiKey, revokeApiKey } from "./key.ts";
export { changePassword, type Login, login } from "./login.ts";
export { deleteUser, listUsers, type OwnChanges, type UserChanges, updateMe, updateUser } from "./manage.ts";
export * from "./manage-key.ts";
export { maxPasswordLength } from "./password.ts";
export { createTokens, rotateSigningKey, type Tokens } from "./token.ts";

export type UserDeps = KeyDeps;

type Orm = Database["orm"];

/** Taken before the first admin is created, so that two starts at once create one. */
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
  /** IANA name; null is UTC. */
  timeZone?: string | null | undefined;
  /** Already checked (`assertEventQueue`). */
  eventQueue?: string | null | undefined;
}

/**
 * Creates a user and a first key. If a caller requests it, the key has no more permissions, IP ranges or lifetime than
 * the caller's. Throws `already_exists` if the email address is taken.
 */
export async function createUser(
  deps: UserDeps,
  wanted: NewUser,
  caller?: Caller,
): Promise<{ user: User; apiKey: ApiKey }> {
  const passwordHash = wanted.password === undefined ? noPassword : await hashPassword(wanted.password);
  const full = permissionsOf(wanted.role ?? "user");
  const key = { name: "default", ...(caller ? limitedTo(caller, full) : { permissions: full }) };
  return deps.db.orm.transaction((tx) => insertUser(deps, tx, wanted, passwordHash, key));
}

async function insertUser(
  deps: UserDeps,
  tx: Orm,
  wanted: NewUser,
  passwordHash: string,
  key: Omit<NewApiKey, "userId"> = {
    name: "default",
    permissions: permissionsOf(wanted.role ?? "user"),
  },
): Promise<{ user: User; apiKey: ApiKey }> {
  const now = deps.clock.now();
  const [user] = await tx
    .insert(users)
    .values({
      id: deps.ids.uuid(),
      email: wanted.email.toLowerCase(),
      firstName: wanted.firstName ?? "",
      lastName: wanted.lastName ?? "",
      role: wanted.role ?? "user",
      passwordHash,
      ipRanges: wanted.ipRanges ?? null,
      timeZone: wanted.timeZone ?? null,
      eventQueue: wanted.eventQueue ?? null,
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
  /** Set only if it was generated here. It can't be read again. */
  generatedPassword: string | null;
}

/**
 * Creates the first admin, and returns null if there is an admin already. Concurrent calls create one. The default
 * email address is `admin@switchboard.local`.
 */
export async function ensureFirstAdmin(
  deps: UserDeps,
  wanted: { email?: string | undefined; password?: string | undefined } = {},
): Promise<FirstAdmin | null> {
  const anyAdmin = (orm: Orm) => orm.$count(users, eq(users.role, "admin"));
  if ((await anyAdmin(deps.db.orm)) > 0) return null;
  return deps.db.orm.transaction(async (tx) => {
    await tx.execute(firstAdminLock);
    if ((await anyAdmin(tx)) > 0) return null;
    const generatedPassword = wanted.password === undefined ? randomBytes(15).toString("base64url") : null;
    const passwordHash = await hashPassword(wanted.password ?? generatedPassword ?? "");
    const email = wanted.email ?? "admin@switchboard.local";
    return { ...(await insertUser(deps, tx, { email, role: "admin" }, passwordHash)), generatedPassword };
  });
}

/**
 * Creates a key for a caller. It has no more permissions, IP ranges or lifetime than the credentials of the caller. Without a
 * caller, also creates a user, who owns the key: the API decides who may ask for that.
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
