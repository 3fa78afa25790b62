import { randomBytes } from "node:crypto";
import type { Caller } from "../caller.ts";
import type { Clock } from "../clock.ts";
import { sha256 } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { recheckCallers } from "../user/authenticate.ts";

/** How long a token can be used, in milliseconds. */
const lifetimeMs = 30_000;
/** How many tokens of a user can be open: neither used nor expired. */
export const maxOpenTokens = 200;

type Deps = { db: Database; clock: Clock };

/**
 * Creates a token that opens one stream with the caller's credentials. Deletes expired tokens. Throws `rate_limited` if the
 * user has too many open tokens.
 */
export async function createStreamToken(
  { db, clock }: Deps,
  caller: Caller,
): Promise<{ token: string; expiresAt: Date }> {
  const token = randomBytes(32).toString("base64url");
  const now = clock.now();
  const expiresAt = new Date(now.getTime() + lifetimeMs);
  const { key, token: login } = caller;
  const created = await db.sql.begin(async (sql) => {
    // Requests of the same user count open tokens one after another.
    await sql`select from users where id = ${caller.userId} for no key update`;
    return await sql`
      with gone as (delete from stream_tokens where expires_at <= ${now.toISOString()}::timestamptz)
      insert into stream_tokens (hash, user_id, key_id, tokens_from, login_expires_at, expires_at)
      select ${sha256(token)}, ${caller.userId}::uuid, ${key?.id ?? null}::uuid,
        ${login?.tokensFrom?.toISOString() ?? null}::timestamptz,
        ${login?.expiresAt.toISOString() ?? null}::timestamptz, ${expiresAt.toISOString()}::timestamptz
      where (
        select count(*) from stream_tokens
        where user_id = ${caller.userId} and expires_at > ${now.toISOString()}::timestamptz) < ${maxOpenTokens}::int
      returning 1`;
  });
  if (created.length > 0) return { token, expiresAt };
  throw new AppError("rate_limited", `a user can have at most ${maxOpenTokens} unused stream tokens`, {
    data: { retryAfter: lifetimeMs / 1000 },
  });
}

/**
 * Returns the caller of a token, which can't be used again. Throws `invalid_credentials` for a token that is unknown,
 * expired or used, and the errors of the credentials that it was created with.
 */
export async function callerOfStreamToken({ db, clock }: Deps, token: string, ip: string | undefined): Promise<Caller> {
  type Row = { user_id: string; key_id: string | null; tokens_from: Date | null; login_expires_at: Date | null };
  const [row] = await db.sql<Row[]>`
    delete from stream_tokens where hash = ${sha256(token)} and expires_at > ${clock.now().toISOString()}::timestamptz
    returning user_id, key_id, tokens_from, login_expires_at`;
  if (!row) {
    throw new AppError("invalid_credentials", "the stream token is unknown, expired or used: request a new one");
  }
  const caller = {
    userId: row.user_id,
    ...(row.key_id && { key: { id: row.key_id } }),
    ...(row.login_expires_at && { token: { tokensFrom: row.tokens_from, expiresAt: row.login_expires_at } }),
  };
  const [checked] = await recheckCallers({ db, clock }, [{ caller, ip }]);
  if (!checked || checked instanceof AppError) throw checked ?? new AppError("invalid_credentials");
  return checked;
}
