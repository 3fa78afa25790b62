import { randomBytes } from "node:crypto";
import { eq, type InferSelectModel, sql } from "drizzle-orm";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { type Caller, granted, type Permission, permissions, type Role } from "./caller.ts";
import { type ApiKey, createApiKey, firstApiKey, type KeyDeps } from "./key.ts";
import { hashPassword, needsRehash, noPassword, verifyPassword } from "./password.ts";
import type { Tokens } from "./token.ts";
import { users } from "./user.sql.ts";

export * from "./caller.ts";
export { type ApiKey, callerOfKey, createApiKey, firstApiKey, ipInRanges, revokeApiKey } from "./key.ts";
export { maxPasswordLength } from "./password.ts";
export { createTokens, rotateSigningKey, type Tokens } from "./token.ts";

export type User = InferSelectModel<typeof users>;
export type UserDeps = KeyDeps;

type Orm = Database["orm"];

/** Held by whoever makes a user only because there is none of a kind yet. */
const firstUserLock = sql`select pg_advisory_xact_lock(1398294339)`;

export interface NewUser {
  email: string;
  /** Without one, the user can only use keys. */
  password?: string;
  firstName?: string;
  lastName?: string;
  role?: Role;
}

/** Makes a user and a first key. Throws `already_exists` when the address is taken. */
export async function createUser(deps: UserDeps, wanted: NewUser): Promise<{ user: User; apiKey: ApiKey }> {
  const passwordHash = wanted.password === undefined ? noPassword : await hashPassword(wanted.password);
  return deps.db.orm.transaction((tx) => insertUser(deps, tx, wanted, passwordHash));
}

async function insertUser(
  deps: UserDeps,
  tx: Orm,
  wanted: NewUser,
  passwordHash: string,
  key: { name: string; permissions: Permission[] } = {
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
      createdAt: now,
      updatedAt: now,
    })
    .onConflictDoNothing({ target: users.email })
    .returning();
  if (!user) throw new AppError("already_exists", "there is a user with this e-mail address");
  return { user, apiKey: await createApiKey(deps, { userId: user.id, ...key }, tx) };
}

export async function findUser(db: Database, userId: string): Promise<User | undefined> {
  const [user] = await db.orm.select().from(users).where(eq(users.id, userId));
  return user;
}

/** Changes the password. Tokens that were issued before stay valid until they expire. */
export async function setPassword(deps: UserDeps, userId: string, password: string): Promise<void> {
  const passwordHash = await hashPassword(password);
  await deps.db.orm.update(users).set({ passwordHash, updatedAt: deps.clock.now() }).where(eq(users.id, userId));
}

export interface Login {
  token: string;
  user: User;
  /** Null when the user has no key that works. */
  apiKey: string | null;
}

/**
 * Throws `invalid_credentials`, the same and after the same work whether the address is unknown, the password wrong or
 * the user disabled.
 */
export async function login(
  deps: UserDeps & { tokens: Tokens },
  credentials: { email: string; password: string },
): Promise<Login> {
  const [user] = await deps.db.orm.select().from(users).where(eq(users.email, credentials.email.toLowerCase()));
  const stored = user && user.passwordHash !== noPassword ? user.passwordHash : undefined;
  const right = await verifyPassword(credentials.password, stored);
  if (!user || !right || user.disabledAt) {
    throw new AppError("invalid_credentials", "the e-mail address or the password is wrong");
  }
  if (needsRehash(user.passwordHash)) await setPassword(deps, user.id, credentials.password);
  return { token: await deps.tokens.issue(user.id), user, apiKey: await firstApiKey(deps, user.id) };
}

/** Who a token stands for. Throws `expired_token` and `invalid_credentials`. */
export async function callerOfToken(deps: { db: Database; tokens: Tokens }, token: string): Promise<Caller> {
  const user = await findUser(deps.db, await deps.tokens.verify(token));
  if (!user || user.disabledAt) throw new AppError("invalid_credentials", "the user of this token is gone or disabled");
  return { userId: user.id, permissions: granted(user.role, permissions) };
}

export interface FirstAdmin {
  user: User;
  apiKey: ApiKey;
  /** Only when it was generated here: nobody can read it again. */
  generatedPassword: string | null;
}

/**
 * Makes the first admin when there is none, and answers null when there is. Two at once make one.
 * Without an e-mail address it is `admin@switchboard.local`.
 */
export async function ensureFirstAdmin(
  deps: UserDeps,
  wanted: { email?: string | undefined; password?: string | undefined } = {},
): Promise<FirstAdmin | null> {
  const anyAdmin = (orm: Orm) => orm.$count(users, eq(users.role, "admin"));
  if ((await anyAdmin(deps.db.orm)) > 0) return null;
  return deps.db.orm.transaction(async (tx) => {
    await tx.execute(firstUserLock);
    if ((await anyAdmin(tx)) > 0) return null;
    const generatedPassword = wanted.password === undefined ? randomBytes(15).toString("base64url") : null;
    const passwordHash = await hashPassword(wanted.password ?? generatedPassword ?? "");
    const email = wanted.email ?? "admin@switchboard.local";
    return { ...(await insertUser(deps, tx, { email, role: "admin" }, passwordHash)), generatedPassword };
  });
}

/**
 * A key for a caller: it allows no more, from nowhere else and for no longer than what it is asked with.
 * For nobody, it comes with a user of its own, only when `open` or while there is no user at all; else
 * `missing_credentials`.
 */
export async function generateKey(
  deps: UserDeps,
  request: { caller: Caller | undefined; name: string; open: boolean },
): Promise<ApiKey> {
  const { caller, name } = request;
  if (caller) {
    return createApiKey(deps, {
      userId: caller.userId,
      name,
      permissions: keyPermissions.filter((permission) => caller.permissions.has(permission)),
      ipRanges: caller.key?.ipRanges ?? null,
      expiresAt: caller.key?.expiresAt ?? null,
    });
  }
  return deps.db.orm.transaction(async (tx) => {
    await tx.execute(firstUserLock);
    if (!request.open && (await tx.$count(users)) > 0) {
      throw new AppError("missing_credentials", "a key is made without credentials only before there is any user");
    }
    const email = `key-${deps.ids.uuid()}@local.invalid`;
    const made = await insertUser(deps, tx, { email }, noPassword, { name, permissions: [...keyPermissions] });
    return made.apiKey;
  });
}

const keyPermissions: readonly Permission[] = ["read", "write"];

function permissionsOf(role: Role): Permission[] {
  return permissions.filter((permission) => permission !== "admin" || role === "admin");
}
