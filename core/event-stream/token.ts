import { randomBytes } from "node:crypto";
import type { Caller } from "../caller.ts";
import type { Clock } from "../clock.ts";
import { sha256 } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import { AppError } from "../error.ts";
import { recheckCallers } from "../user/authenticate.ts";

/** How long a token can be used, in milliseconds. */
const lifetimeMs = 30_000;

type Deps = { db: Database; clock: Clock };

/** Creates a token that opens one stream with the caller's credentials. Deletes expired tokens. */
export async function createStreamToken(
  { db, clock }: Deps,
  caller: Caller,
): Promise<{ token: string; expiresAt: Date }> {
  const token = randomBytes(32).toString("base64url");
  const now = clock.now();
  const expiresAt = new Date(now.getTime() + lifetimeMs);
  const { key, token: login } = caller;
  await db.sql`
    with gone as (delete from stream_tokens where expires_at <= ${now.toISOString()}::timestamptz)
    insert into stream_tokens (hash, user_id, key_id, tokens_from, login_expires_at, expires_at)
    values (${sha256(token)}, ${caller.userId}, ${key?.id ?? null}, ${login?.tokensFrom?.toISOString() ?? null}::timestamptz,
      ${login?.expiresAt.toISOString() ?? null}::timestamptz, ${expiresAt.toISOString()}::timestamptz)`;
  return { token, expiresAt };
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
