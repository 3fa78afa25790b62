import { type Caller, type Permission, permissions, type Role } from "../caller.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { User } from "./find.ts";
import { type ApiKey, createApiKey, type KeyDeps, type NewApiKey } from "./key.ts";
import { assertUnlimited, keyPermissions, limitedTo } from "./manage-key.ts";
import { hashPassword, noPassword } from "./password.ts";
import { users } from "./user.sql.ts";

export type UserDeps = KeyDeps;

type Orm = Database["orm"];

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
 * ranges and lifetime. Throws `already_exists` if the email address is taken, and `forbidden` if a key with limits sets a
 * password.
 */
export async function createUser(
  deps: UserDeps,
  user: NewUser,
  caller?: Caller,
): Promise<{ user: User; apiKey: ApiKey }> {
  if (caller && user.password !== undefined) assertUnlimited(caller, "passwords");
  const passwordHash = user.password === undefined ? noPassword : await hashPassword(user.password);
  const full = permissionsOf(user.role ?? "user");
  const key = { name: "default", ...(caller ? limitedTo(caller, full) : { permissions: full }) };
  return deps.db.orm.transaction((tx) => insertUser(deps, tx, user, passwordHash, key));
}

/** Creates a user with a first key. Throws `already_exists` if the email address is taken. */
export async function insertUser(
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

/** Returns all permissions that a key of a user with this role can have. */
export function permissionsOf(role: Role): Permission[] {
  return permissions.filter((permission) => permission !== "admin" || role === "admin");
}
