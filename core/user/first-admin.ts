import { randomBytes } from "node:crypto";
import { and, eq, isNull, sql } from "drizzle-orm";
import { advisoryLock } from "../db/advisory-lock.ts";
import type { Database } from "../db/index.ts";
import { insertUser, permissionsOf, type UserDeps } from "./create.ts";
import type { User } from "./find.ts";
import { type ApiKey, createApiKey } from "./key.ts";
import { laterTokensFrom } from "./login.ts";
import { hashPassword } from "./password.ts";
import { apiKeys, loginFailures, users } from "./user.sql.ts";

type Orm = Database["orm"];

/** This lock is taken before the first admin is created, so that concurrent starts create only one admin. */
const firstAdminLock = sql`select pg_advisory_xact_lock(${advisoryLock.firstAdmin})`;

const defaultEmail = "admin@switchboard.local";

export interface FirstAdmin {
  /** Whether the admin existed and got access again, instead of being created. */
  reset: boolean;
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
    return await insertAdmin(deps, tx, admin.email ?? defaultEmail, await passwordOf(admin.password));
  });
}

/** The name of the key that `resetAdmin` creates. */
const resetKeyName = "admin reset";

/**
 * Gives an admin access again: the way back in if nobody can log in as an admin. Enables the user with this email address,
 * makes it an admin, removes its IP ranges, sets its password, ends its tokens, and creates a new key, which replaces the
 * key of an earlier reset. Other keys stay valid. Creates the user if there is none. Forgets failed logins of all users, so
 * that a block doesn't delay the login.
 */
export async function resetAdmin(
  deps: UserDeps,
  admin: { email?: string | undefined; password?: string | undefined } = {},
): Promise<FirstAdmin> {
  const email = (admin.email ?? defaultEmail).toLowerCase();
  const secret = await passwordOf(admin.password);
  const now = deps.clock.now();
  return deps.db.orm.transaction(async (tx) => {
    await tx.execute(firstAdminLock);
    await tx.delete(loginFailures);
    const open = { role: "admin" as const, disabledAt: null, ipRanges: null, passwordHash: secret.hash };
    const [user] = await tx
      .update(users)
      .set({ ...open, tokensFrom: laterTokensFrom(deps.clock), updatedAt: now })
      .where(eq(users.email, email))
      .returning();
    if (!user) return await insertAdmin(deps, tx, email, secret);
    const earlier = and(eq(apiKeys.userId, user.id), eq(apiKeys.name, resetKeyName), isNull(apiKeys.revokedAt));
    await tx.update(apiKeys).set({ revokedAt: now }).where(earlier);
    const key = { userId: user.id, name: resetKeyName, permissions: permissionsOf("admin") };
    return { reset: true, user, apiKey: await createApiKey(deps, key, tx), generatedPassword: secret.generated };
  });
}

async function insertAdmin(
  deps: UserDeps,
  tx: Orm,
  email: string,
  secret: Awaited<ReturnType<typeof passwordOf>>,
): Promise<FirstAdmin> {
  const made = await insertUser(deps, tx, { email, role: "admin" }, secret.hash);
  return { reset: false, ...made, generatedPassword: secret.generated };
}

/** Returns the hash of the given password, or of a generated one. */
async function passwordOf(given: string | undefined): Promise<{ hash: string; generated: string | null }> {
  if (given !== undefined) return { hash: await hashPassword(given), generated: null };
  const generated = randomBytes(15).toString("base64url");
  return { hash: await hashPassword(generated), generated };
}
