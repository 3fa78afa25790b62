import { type Caller, effectivePermissions, type Permission, permissions, type Role } from "../caller.ts";
import type { Clock } from "../clock.ts";
import { sha256 } from "../crypto/index.ts";
import { answerOf } from "../db/answer.ts";
import type { Database } from "../db/index.ts";
import { AppError, type ErrorCode } from "../error.ts";
import type { Logger } from "../log.ts";
import { isScope } from "../scope.ts";
import { findUser } from "./find.ts";
import type { TokenClaims, Tokens } from "./token.ts";

/** The last use is written at most this often for each key, so that a busy key causes few writes. */
const lastUseIntervalMs = 60_000;

/** Credentials that are known, but refused now. The holder appears in the audit log, and nowhere in a response. */
export class RefusedCredentials extends AppError {
  readonly holder: { userId: string; keyId: string | null };
  constructor(code: ErrorCode, details: string | undefined, holder: RefusedCredentials["holder"], cause?: unknown) {
    super(code, details, { cause });
    this.holder = holder;
  }
}

/**
 * Returns the caller of a token. `ip` is the address of the connection. Throws `expired_token`, `invalid_credentials`
 * and `ip_not_allowed`.
 */
export async function callerOfToken(
  deps: { db: Database; tokens: Tokens },
  token: string,
  ip: string | undefined,
): Promise<Caller> {
  return await callerOfClaims(deps, await deps.tokens.verify(token), ip);
}

async function callerOfClaims(
  { db }: { db: Database },
  { userId, tokensFrom, expiresAt }: TokenClaims,
  ip: string | undefined,
): Promise<Caller> {
  const user = await findUser(db, userId);
  if (!user) throw new AppError("invalid_credentials", "the user of this token was deleted or disabled");
  const holder = { userId: user.id, keyId: null };
  if (user.disabledAt)
    throw new RefusedCredentials("invalid_credentials", "the user of this token was deleted or disabled", holder);
  if (user.tokensFrom?.getTime() !== tokensFrom?.getTime()) {
    throw new RefusedCredentials("invalid_credentials", "the password was changed after this token was issued", holder);
  }
  await assertIp(holder, ip, user.ipRanges);
  return {
    userId: user.id,
    permissions: effectivePermissions(user.role, permissions),
    token: { tokensFrom, expiresAt },
  };
}

/**
 * Returns the caller of a key. `ip` is the address of the connection. Throws `invalid_credentials` (unknown, revoked or
 * expired key, disabled user) and `ip_not_allowed`.
 */
export async function callerOfKey(
  deps: { db: Database; clock: Clock },
  key: string,
  ip: string | undefined,
): Promise<Caller> {
  const { sql } = deps.db;
  // Every request with a key runs this statement, and Postgres prepares a tagged template only once.
  const [row] = await sql<KeyRow[]>`${keyRows(sql)} where k.hash = ${sha256(key)}`;
  return await callerOfRow(row, deps.clock.now(), ip);
}

/** Callers of requests that last, with the address of each connection. */
export interface LastingCaller {
  caller: Pick<Caller, "userId" | "token"> & { key?: { id: string } };
  ip: string | undefined;
}

/**
 * Checks the credentials of callers again. Returns for each the caller with its present permissions, or why the
 * credentials are no longer valid. Reads all keys in one statement.
 */
export async function recheckCallers(
  deps: { db: Database; clock: Clock },
  callers: readonly LastingCaller[],
): Promise<(Caller | AppError)[]> {
  const { sql } = deps.db;
  const now = deps.clock.now();
  const ids = [...new Set(callers.flatMap(({ caller }) => caller.key?.id ?? []))];
  const rows = ids.length > 0 ? await sql<KeyRow[]>`${keyRows(sql)} where k.id = any(${ids}::uuid[])` : [];
  return await Promise.all(
    callers.map(async ({ caller, ip }) => {
      const { key, token, userId } = caller;
      try {
        if (key) {
          const row = rows.find(({ id }) => id === key.id);
          return await callerOfRow(row, now, ip);
        }
        if (token && token.expiresAt > now) return await callerOfClaims(deps, { userId, ...token }, ip);
        return new AppError("expired_token");
      } catch (error) {
        if (error instanceof AppError) return error;
        throw error;
      }
    }),
  );
}

const keyRows = (sql: Database["sql"]) => sql`
  select k.id, k.user_id, k.permissions, k.ip_ranges, k.instances, k.scopes, k.expires_at, k.revoked_at, k.last_used_at,
    u.role, u.disabled_at, u.ip_ranges as user_ip_ranges
  from api_keys k join users u on u.id = k.user_id`;

/** Returns the caller of a key with this row. Fails like `callerOfKey`. */
export async function callerOfRow(row: KeyRow | undefined, now: Date, ip: string | undefined): Promise<Caller> {
  if (!row) throw new AppError("invalid_credentials", "the API key is not valid");
  const holder = { userId: row.user_id, keyId: row.id };
  const expired = row.expires_at && row.expires_at <= now;
  if (row.revoked_at || row.disabled_at || expired) {
    throw new RefusedCredentials("invalid_credentials", "the API key is not valid", holder);
  }
  await assertIp(holder, ip, row.ip_ranges, "this API key does not allow your IP address");
  await assertIp(holder, ip, row.user_ip_ranges);
  return {
    userId: row.user_id,
    permissions: effectivePermissions(row.role, row.permissions),
    key: {
      id: row.id,
      ipRanges: row.ip_ranges,
      expiresAt: row.expires_at,
      instances: row.instances,
      // A scope that this version doesn't know allows nothing.
      scopes: row.scopes?.filter(isScope) ?? null,
      lastUsedAt: row.last_used_at,
    },
  };
}

/**
 * Throws `ip_not_allowed` unless the address is in the ranges. Loads the module on demand, because few keys and users
 * have ranges.
 */
export async function assertIp(
  holder: RefusedCredentials["holder"],
  ip: string | undefined,
  ranges: string[] | null,
  details?: string,
): Promise<void> {
  if (!ranges) return;
  const { assertIpAllowed } = await import("../http/ip-ranges.ts");
  try {
    assertIpAllowed(ranges, ip, details);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new RefusedCredentials(error.code, error.details, holder, error);
  }
}

/** A key with the columns of its user that matter for it. */
export interface KeyRow {
  id: string;
  user_id: string;
  permissions: Permission[];
  ip_ranges: string[] | null;
  instances: string[] | null;
  scopes: string[] | null;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
  role: Role;
  disabled_at: Date | null;
  user_ip_ranges: string[] | null;
}

/**
 * Records when and from which address a key was last used, at most once a minute. Skips the row if another request is
 * writing it, because the other request writes about the same time. Never rejects: a use that can't be recorded is logged.
 */
export async function recordKeyUse(
  { db, clock, log }: { db: Database; clock: Clock; log: Logger },
  { key }: Caller,
  ip: string | undefined,
): Promise<void> {
  const now = clock.now();
  const stale = new Date(now.getTime() - lastUseIntervalMs);
  if (!key || (key.lastUsedAt && key.lastUsedAt > stale)) return;
  try {
    await answerOf(
      db,
      db.sql`
      update api_keys set last_used_at = ${now.toISOString()}::timestamptz, last_used_ip = ${ip ?? null}::text
      where id in (
        select id from api_keys
        where id = ${key.id} and (last_used_at is null or last_used_at <= ${stale.toISOString()}::timestamptz)
        for update skip locked)`,
    );
  } catch (error) {
    log.error({ err: error, keyId: key.id }, "can't record the last use of a key");
  }
}
