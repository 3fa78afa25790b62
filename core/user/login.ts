import { and, eq, sql } from "drizzle-orm";
import type { Clock } from "../clock.ts";
import { AppError } from "../error.ts";
import { assertIp, RefusedCredentials } from "./authenticate.ts";
import { findUser, type User } from "./find.ts";
import { firstApiKey, type KeyDeps } from "./key.ts";
import { hashPassword, needsRehash, noPassword, verifyPassword } from "./password.ts";
import { countAttempt } from "./throttle.ts";
import type { Tokens } from "./token.ts";
import { users } from "./user.sql.ts";

type LoginDeps = KeyDeps & { tokens: Tokens };

export interface Login {
  token: string;
  user: User;
  /** Null if the user has no valid key. */
  apiKey: string | null;
}

/**
 * Logs a user in. `ip` is the address of the connection. Throws `invalid_credentials`, after the same work whether the
 * email address is unknown, the password is wrong or the user is disabled; `rate_limited` after too many failures,
 * whatever the password; and `ip_not_allowed` if the password is right but the address is not allowed. If the user is known,
 * the errors about credentials are `RefusedCredentials`, for the audit log.
 */
export async function login(
  deps: LoginDeps,
  credentials: { email: string; password: string; ip?: string | undefined },
): Promise<Login> {
  const { email, password, ip } = credentials;
  const succeed = await countAttempt(deps, { email, ip });
  const [user] = await deps.db.orm.select().from(users).where(eq(users.email, email.toLowerCase()));
  const matches = await isPasswordOf(user, password);
  const wrong = "the email address or the password is wrong";
  if (!user) throw new AppError("invalid_credentials", wrong);
  const holder = { userId: user.id, keyId: null };
  if (!matches || user.disabledAt) throw new RefusedCredentials("invalid_credentials", wrong, holder);
  await succeed(user);
  await assertIp(holder, ip, user.ipRanges);
  if (needsRehash(user.passwordHash)) await replaceHash(deps, user, { passwordHash: await hashPassword(password) });
  const first = await firstApiKey(deps, user.id);
  return { token: await deps.tokens.issue(deps.vault, user.id, user.tokensFrom), user, apiKey: first?.key ?? null };
}

/**
 * Sets a new password, invalidates all earlier tokens, and returns a new token. Wrong guesses of the current password
 * count as failed logins. Throws `invalid_credentials` and `rate_limited`.
 */
export async function changePassword(
  deps: LoginDeps,
  request: { userId: string; currentPassword: string; newPassword: string; ip: string | undefined },
): Promise<string> {
  const user = await findUser(deps.db, request.userId);
  if (!user) throw new AppError("invalid_credentials", "the user was deleted");
  const succeed = await countAttempt(deps, { email: user.email, ip: request.ip });
  if (!(await isPasswordOf(user, request.currentPassword))) throw wrongPassword();
  await succeed(user);
  const changed = await replaceHash(deps, user, {
    passwordHash: await hashPassword(request.newPassword),
    tokensFrom: laterTokensFrom(deps.clock),
  });
  if (!changed) throw wrongPassword();
  return deps.tokens.issue(deps.vault, user.id, changed.tokensFrom);
}

const wrongPassword = () => new AppError("invalid_credentials", "the current password is wrong");

/** Takes the same time for an unknown user and for a user without a password, so that the time reveals nothing. */
const isPasswordOf = (user: User | undefined, password: string) =>
  verifyPassword(password, user && user.passwordHash !== noPassword ? user.passwordHash : undefined);

/**
 * Returns the current time, or a time after the stored value if that is later, so that two changes within a millisecond
 * differ.
 */
export const laterTokensFrom = (clock: Clock) =>
  sql`greatest(${clock.now().toISOString()}::timestamptz, ${users.tokensFrom} + interval '1 millisecond')`;

/** Replaces the password hash. Returns undefined and does nothing if the hash has changed since the comparison. */
async function replaceHash(
  deps: KeyDeps,
  compared: User,
  change: { passwordHash: string; tokensFrom?: ReturnType<typeof laterTokensFrom> },
): Promise<User | undefined> {
  const [user] = await deps.db.orm
    .update(users)
    .set({ ...change, updatedAt: deps.clock.now() })
    .where(and(eq(users.id, compared.id), eq(users.passwordHash, compared.passwordHash)))
    .returning();
  return user;
}
