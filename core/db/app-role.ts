import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { ConfigError } from "../config.ts";
import { holdingMigrationLock } from "./migration-lock.ts";
import { plainConnection } from "./pooler.ts";

/** Postgres refused the login: a wrong password, or a role that does not exist or may not log in. */
const loginErrors = ["28P01", "28000"];
/** The code of pgbouncer for all its errors. Its texts about logins are "… authentication failed …" and "no such user". */
const poolerError = "08P01";
/** pgbouncer repeats the error of a failed login for 15 s (`server_login_retry`). Attempts, one per second. */
const poolerAttempts = 20;

/** Returns the role that a URL logs in as. */
export const roleOf = (url: string): string => decodeURIComponent(new URL(url).username);

/**
 * Makes sure that the role of `appUrl` exists and can log in. The owner creates the role, or changes its password, only
 * if the login fails. Throws `ConfigError` if the role may do more than read and write tables, and `MigrationUnfinished` if
 * `signal` aborts while another process migrates.
 */
export async function ensureAppRole(ownerUrl: string, appUrl: string, signal?: AbortSignal): Promise<void> {
  if (await canLogIn(appUrl)) return;
  const setPassword = async (owner: postgres.Sql) => {
    const role = roleOf(appUrl);
    const password = verifierOf(decodeURIComponent(new URL(appUrl).password));
    const [existing] = await owner`select 1 from pg_roles where rolname = ${role}`;
    // Not `nosuperuser` and the like: these are the defaults, and only a superuser may name them for an existing role.
    await owner.unsafe(`${existing ? "alter" : "create"} role ${quoted(role)} login password '${password}'`);
  };
  await holdingMigrationLock(ownerUrl, setPassword, signal);
  for (let attempt = 1; !(await canLogIn(appUrl)); attempt++) {
    if (attempt === poolerAttempts) throw new ConfigError("DATABASE_URL: Postgres refuses the login");
    await sleep(1_000);
  }
}

/**
 * Allows a role to read and write all tables, also those that the owner creates later, and only to add to the audit log. Without rights to change the
 * schema, an injected statement can't remove triggers or tables, read files, or run programs.
 */
export async function grantTables(owner: postgres.Sql, role: string): Promise<void> {
  const name = quoted(role);
  const statements = [
    `grant usage on schema public to ${name}`,
    `grant select, insert, update, delete on all tables in schema public to ${name}`,
    `grant usage, select on all sequences in schema public to ${name}`,
    // The audit log is append-only. The function `prune_audit` deletes what has expired.
    `revoke update, delete on audit_log from ${name}`,
    `alter default privileges in schema public grant select, insert, update, delete on tables to ${name}`,
    `alter default privileges in schema public grant usage, select on sequences to ${name}`,
  ];
  // One transaction, so that the role never has more rights than these.
  await owner.begin(async (transaction) => {
    for (const statement of statements) await transaction.unsafe(statement);
  });
}

async function canLogIn(url: string): Promise<boolean> {
  const app = postgres(url, plainConnection);
  try {
    const [role] = await app<{ tooStrong: boolean }[]>`
      select rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls as "tooStrong"
      from pg_roles where rolname = current_user`;
    if (!role?.tooStrong) return true;
    throw new ConfigError(
      `DATABASE_URL: the role ${roleOf(url)} must not be a superuser or create roles or databases, because DATABASE_OWNER_URL is set`,
    );
  } catch (error) {
    if (error instanceof postgres.PostgresError && isRefusedLogin(error)) return false;
    throw error;
  } finally {
    await app.end({ timeout: 5 });
  }
}

const isRefusedLogin = ({ code, message }: postgres.PostgresError) =>
  loginErrors.includes(code) ||
  (code === poolerError && /authentication failed|no such user|server login/i.test(message));

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * Returns what Postgres stores of a password (RFC 5803), so that the password itself never appears in a statement,
 * which the server could log.
 */
function verifierOf(password: string): string {
  const iterations = 4096;
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const keyOf = (label: string) => createHmac("sha256", salted).update(label).digest();
  const storedKey = createHash("sha256").update(keyOf("Client Key")).digest("base64");
  const serverKey = keyOf("Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}
