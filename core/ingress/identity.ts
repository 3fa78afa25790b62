import { type Caller, effectivePermissions, type Role } from "../caller.ts";
import type { Config } from "../config.ts";
import { AppError } from "../error.ts";
import { assertIpAllowed } from "../http/ip-ranges.ts";
import { callerOfKey } from "../user/index.ts";
import type { KeyDeps } from "../user/key.ts";

/**
 * Returns the caller of a message: the owner of its API key or, without a key, the user that the configuration maps its SQS
 * sender to. SQS does not report network addresses, so keys and users with IP ranges are refused. Throws
 * `missing_credentials`, `invalid_credentials` and `ip_not_allowed`.
 */
export function callerOfMessage(
  deps: KeyDeps & { config: Pick<Config, "INGRESS_SENDERS"> },
  apiKey: string | undefined,
  senderId: string | undefined,
): Promise<Caller> {
  if (apiKey !== undefined) return callerOfKey(deps, apiKey, undefined);
  const email = emailOf(deps.config.INGRESS_SENDERS, senderId);
  if (email === undefined) {
    throw new AppError("missing_credentials", "give an apiKey, or allow the sender in INGRESS_SENDERS");
  }
  return callerOfEmail(deps, email);
}

/**
 * Looks up the `SenderId` of SQS: the id of an IAM user (AIDA…), or the id of a role and the name of its session
 * (AROA…:name). The configuration allows a role as a whole or one session of it.
 */
function emailOf(senders: Config["INGRESS_SENDERS"], senderId: string | undefined): string | undefined {
  if (!senderId) return undefined;
  return senders.get(senderId) ?? senders.get(senderId.split(":")[0] ?? "");
}

async function callerOfEmail({ db }: Pick<KeyDeps, "db">, email: string): Promise<Caller> {
  const [user] = await db.sql<{ id: string; role: Role; disabled_at: Date | null; ip_ranges: string[] | null }[]>`
    select id, role, disabled_at, ip_ranges from users where email = ${email.toLowerCase()}`;
  if (!user || user.disabled_at) {
    throw new AppError("invalid_credentials", "the user of this sender does not exist or is disabled");
  }
  assertIpAllowed(user.ip_ranges, undefined);
  return { userId: user.id, permissions: effectivePermissions(user.role, ["read", "write"]) };
}
