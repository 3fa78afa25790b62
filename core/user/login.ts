import { and, eq, sql } from "drizzle-orm";
import type { Clock } from "../clock.ts";
import { AppError } from "../error.ts";
import { findUser, type User } from "./find.ts";
import { assertAddress } from "./ip-ranges.ts";
import { firstApiKey, type KeyDeps } from "./key.ts";
import { hashPassword, needsRehash, noPassword, verifyPassword } from "./password.ts";
import { countAttempt } from "./throttle.ts";
import type { Tokens } from "./token.ts";
import { users } from "./user.sql.ts";

type LoginDeps = KeyDeps & { tokens: Tokens };

export interface Login {
  token: string;
  user: User;
  /** Null when the user has no key that works. */
  apiKey: string | null;
}

/**
 * `ip` is the address the connection came from. Throws `invalid_credentials`, the same and after the same work whether the
 * address is unknown, the password wrong or the user disabled; `rate_limited` after too many of those, whatever the password;
 * and `ip_not_allowed` to somebody who has the password.
 */
export async function login(
  deps: LoginDeps,
  credentials: { email: string; password: string; ip?: string | undefined },
): Promise<Login> {
  const { email, password, ip } = credentials;
  const wasRight = await countAttempt(deps, { email, ip });
  const [user] = await deps.db.orm.select().from(users).where(eq(users.email, email.toLowerCase()));
  const right = await isPasswordOf(user, password);
  if (!user || !right || user.disabledAt) {
    throw new AppError("invalid_credentials", "the e-mail address or the password is wrong");
  }
  await wasRight();
  assertAddress(user.ipRanges, ip);
  if (needsRehash(user.passwordHash)) await replaceHash(deps, user, { passwordHash: await hashPassword(password) });
  const first = await firstApiKey(deps, user.id);
  return { token: await deps.tokens.issue(deps.vault, user.id, user.tokensFrom), user, apiKey: first?.key ?? null };
}

/**
 * Sets another password and ends all tokens that were issued before; answers with a new one. Guesses of the current password
 * count as failed logins do. Throws `invalid_credentials` and `rate_limited`.
 */
export async function changePassword(
  deps: LoginDeps,
  request: { userId: string; currentPassword: string; newPassword: string; ip: string | undefined },
): Promise<string> {
  const user = await findUser(deps.db, request.userId);
  if (!user) throw new AppError("invalid_credentials", "the user is gone");
  const wasRight = await countAttempt(deps, { email: user.email, ip: request.ip });
  if (!(await isPasswordOf(user, request.currentPassword))) throw wrongPassword();
  await wasRight();
  const changed = await replaceHash(deps, user, {
    passwordHash: await hashPassword(request.newPassword),
    tokensFrom: laterTokensFrom(deps.clock),
  });
  if (!changed) throw wrongPassword();
  return deps.tokens.issue(deps.vault, user.id, changed.tokensFrom);
}

const wrongPassword = () => new AppError("invalid_credentials", "the current password is wrong");

/** With no password to compare, of nobody or of a user who has none, it works as long. */
const isPasswordOf = (user: User | undefined, password: string) =>
  verifyPassword(password, user && user.passwordHash !== noPassword ? user.passwordHash : undefined);

/** Now, but in any case later than it was: two changes within a millisecond are two. */
export const laterTokensFrom = (clock: Clock) =>
  sql`greatest(${clock.now().toISOString()}::timestamptz, ${users.tokensFrom} + interval '1 millisecond')`;

/** Only while the password is the one that was compared: another may have been set meanwhile. */
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
