import { and, asc, desc, eq, ilike, isNull, or } from "drizzle-orm";
import type { Role } from "../caller.ts";
import type { Database } from "../db/index.ts";
import { sqlState, sqlStates } from "../db/sql-state.ts";
import { AppError } from "../error.ts";
import { alignSinks } from "../event-sink/setting.ts";
import { ipInRanges } from "../http/ip-ranges.ts";
import { instances } from "../instance/instance.sql.ts";
import { defined } from "../object.ts";
import { type PageRequest, type Pagination, paged } from "../page.ts";
import { loadUser, type User } from "./find.ts";
import type { KeyDeps } from "./key.ts";
import { laterTokensFrom } from "./login.ts";
import { assertNotShutOut, assertUnlimited, type Requester } from "./manage-key.ts";
import { hashPassword } from "./password.ts";
import { users } from "./user.sql.ts";

/** Lists users, the newest first. `search` matches part of the email address or of a name, in any case. */
export async function listUsers(
  db: Database,
  page: PageRequest & { search?: string | undefined },
): Promise<{ users: User[]; pagination: Pagination }> {
  const pattern = page.search && `%${page.search.replaceAll(/[\\%_]/g, "\\$&")}%`;
  const where = pattern
    ? or(ilike(users.email, pattern), ilike(users.firstName, pattern), ilike(users.lastName, pattern))
    : undefined;
  const rows = await db.orm
    .select()
    .from(users)
    .where(where)
    .orderBy(desc(users.createdAt), desc(users.id))
    .limit(page.limit)
    .offset(page.skip);
  const total = await db.orm.$count(users, where);
  const { items, pagination } = paged(page, { items: rows }, total);
  return { users: items, pagination };
}

/** The properties that users may change themselves. */
export interface OwnChanges {
  firstName?: string | undefined;
  lastName?: string | undefined;
  /** IANA name; null means UTC. */
  timeZone?: string | null | undefined;
  /** CIDRs; null allows any address. */
  ipRanges?: string[] | null | undefined;
  /**
   * Queue for the events of all instances without their own queue, already checked by `assertEventQueue`. Null means
   * none.
   */
  eventQueue?: string | null | undefined;
  /** Days by kind; null means no own limits. */
  retention?: User["retention"] | undefined;
  /** Allows ranges that exclude the caller. */
  force?: boolean | undefined;
}

export interface UserChanges extends OwnChanges {
  role?: Role | undefined;
  disabled?: boolean | undefined;
  /** Limits that differ from the settings. Null means the limits of the settings. */
  quotas?: User["quotas"] | undefined;
  /** Plaintext. Invalidates all tokens of the user. */
  password?: string | undefined;
}

/** Changes the caller's own properties. Throws `invalid_request` if new IP ranges exclude the caller's address. */
export function updateMe(deps: KeyDeps, requester: Requester, changes: OwnChanges): Promise<User> {
  const { firstName, lastName, timeZone, ipRanges, eventQueue, retention, force } = changes;
  return updateUser(deps, requester, requester.caller.userId, {
    firstName,
    lastName,
    timeZone,
    ipRanges,
    eventQueue,
    retention,
    force,
  });
}

/**
 * Changes the given properties of a user. Throws `user_not_found`; `conflict` if no enabled admin would be left who can call
 * from the requester's address; `invalid_request` if users set IP ranges for themselves that exclude their own address;
 * `forbidden` if a key with limits sets a password or a role.
 */
export async function updateUser(
  deps: KeyDeps,
  requester: Requester,
  userId: string,
  changes: UserChanges,
): Promise<User> {
  const { id, role } = await loadUser(deps.db, userId);
  const { force, disabled, password, ...plain } = changes;
  if (password !== undefined || plain.role !== undefined) assertUnlimited(requester.caller, "passwords and roles");
  if (id === requester.caller.userId) assertNotShutOut(requester, changes.ipRanges, force);
  const now = deps.clock.now();
  const columns = {
    ...defined({ ...plain, disabledAt: disabled === undefined ? undefined : disabled ? now : null }),
    ...(password !== undefined && {
      passwordHash: await hashPassword(password),
      tokensFrom: laterTokensFrom(deps.clock),
    }),
    updatedAt: now,
  };
  const shutsOut = role === "admin" && (disabled || plain.role === "user" || Boolean(plain.ipRanges));
  return deps.db.orm.transaction(async (tx) => {
    if (shutsOut) await enabledAdmins(tx);
    const [user] = await tx.update(users).set(columns).where(eq(users.id, id)).returning();
    if (!user) throw new AppError("user_not_found");
    if (shutsOut) await assertAdminLeft(tx, requester.ip);
    if (plain.eventQueue !== undefined) await alignSinks({ orm: tx, clock: deps.clock }, { userId: id });
    return user;
  });
}

/** Locks and returns all enabled admins, so that if two admins demote each other at the same time, the second fails. */
function enabledAdmins(tx: Database["orm"]): Promise<Pick<User, "ipRanges">[]> {
  return tx
    .select({ ipRanges: users.ipRanges })
    .from(users)
    .where(and(eq(users.role, "admin"), isNull(users.disabledAt)))
    .orderBy(asc(users.id))
    .for("update");
}

/**
 * Throws `conflict` unless an enabled admin is left who may call from the requester's address. Otherwise nobody could undo
 * the change.
 */
async function assertAdminLeft(tx: Database["orm"], ip: string | undefined): Promise<void> {
  const admins = await enabledAdmins(tx);
  if (admins.length === 0) throw new AppError("conflict", "this is the last enabled admin");
  if (admins.some(({ ipRanges }) => ipRanges === null || ipInRanges(ip, ipRanges))) return;
  throw new AppError(
    "conflict",
    `allowedIps: afterwards, no enabled admin could call from your address (${ip ?? "unknown"})`,
  );
}

/**
 * Deletes a user with the user's keys and usage. Throws `user_not_found`; `conflict` for the caller, for the last
 * admin, and while the user has instances or a command still references the user.
 */
export async function deleteUser(deps: KeyDeps, requester: Requester, userId: string): Promise<void> {
  const { id, role } = await loadUser(deps.db, userId);
  if (id === requester.caller.userId) throw new AppError("conflict", "you can't delete yourself");
  try {
    await deps.db.orm.transaction(async (tx) => {
      if (role === "admin") await enabledAdmins(tx);
      const [owned] = await tx.select({ id: instances.id }).from(instances).where(eq(instances.userId, id)).limit(1);
      if (owned) throw new AppError("conflict", "the user has instances, or the removal of instances is not finished");
      await tx.delete(users).where(eq(users.id, id));
      if (role === "admin") await assertAdminLeft(tx, requester.ip);
    });
  } catch (error) {
    const cause = error instanceof Error && error.cause ? error.cause : error;
    if (sqlState(cause) !== sqlStates.foreignKeyViolation) throw error;
    throw new AppError(
      "conflict",
      "commands of the user on other users' instances are still stored: disable the user instead",
      {
        cause: error,
      },
    );
  }
}
