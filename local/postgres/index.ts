import { randomBytes } from "node:crypto";
import { chown, mkdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import postgres from "postgres";
import { rememberedPort } from "../data/port.ts";
import { isMissing, privateFile } from "../data/private-file.ts";
import { findBinaries, type PostgresCommand, postgresCommand, type ServerUser, serverUser } from "./binaries.ts";
import { readPostmaster } from "./postmaster.ts";

export type LocalPostgres = {
  /** Connection URL of `database`, as superuser. */
  url: string;
  port: number;
  /** Creates a database, a copy of `template` if given, and answers its URL. Throws when the name is taken. */
  createDatabase(name: string, template?: string): Promise<string>;
  dropDatabase(name: string): Promise<void>;
  /**
   * Makes sure that a database exists that `prepare` filled (migrations, seeds), to copy others from.
   * Prepared once, also when several processes ask at the same time; change the name to prepare anew.
   */
  templateDatabase(name: string, prepare: (url: string) => Promise<void>): Promise<void>;
  /** Ends all connections, writes everything out and stops the server. */
  stop(): Promise<void>;
};

export type LocalPostgresOptions = {
  /** Folder of the server: `data`, the superuser's `password` (0600), and the server's log. One program at a time. */
  dataDir: string;
  /** TCP port on 127.0.0.1. Without one: the port of last time, or any free one. */
  port?: number;
  /** Created when missing. Default "switchboard". */
  database?: string;
};

const startTimeoutSeconds = 300;
const logLimitBytes = 8 * 1024 * 1024;

/**
 * Starts PostgreSQL 18 on 127.0.0.1, creating its data on the first run and recovering it after a crash.
 * The server is a process of its own that outlives a killed gateway: one left behind is taken over.
 * Throws when the binaries are missing, the port is taken, or the data cannot be opened.
 */
export async function startPostgres(options: LocalPostgresOptions): Promise<LocalPostgres> {
  const folder = resolve(options.dataDir);
  const data = join(folder, "data");
  const user = await serverUser();
  const command = postgresCommand(await findBinaries(), user);

  await mkdir(folder, { recursive: true, mode: 0o700 });
  const password = await openPassword(folder, data);
  if (!(await exists(data))) await initialise(folder, data, command, user);

  const running = await readPostmaster(data);
  const keep = running && (options.port ?? running.port) === running.port;
  const port = keep ? running.port : await rememberedPort(join(folder, "port"), options.port, "PostgreSQL");
  const changed = await writeSettings(data, port, user);
  // One that is still recovering accepts no connections; starting anew waits until it does.
  const usable = running?.ready === true && !changed;
  if (running && !usable) await stopServer(command, data);
  if (!usable) await startServer(command, folder, data, user);

  const urlOf = (database: string) => `postgres://postgres:${password}@127.0.0.1:${port}/${plainName(database)}`;
  const databases = databasesOf(urlOf);
  const database = options.database ?? "switchboard";
  await databases.ensure(database);
  return {
    url: urlOf(database),
    port,
    createDatabase: databases.create,
    dropDatabase: databases.drop,
    templateDatabase: databases.template,
    stop: () => stopServer(command, data),
  };
}

async function openPassword(folder: string, data: string): Promise<string> {
  const file = join(folder, "password");
  if ((await exists(data)) && !(await exists(file))) {
    throw new Error(`${data} holds a database, but its password file ${file} is gone. Restore the file.`);
  }
  return (await privateFile(file, () => randomBytes(24).toString("base64url"))).toString();
}

/** Builds the data in a folder aside and renames it, so that a run killed half-way starts over. */
async function initialise(folder: string, data: string, command: PostgresCommand, user: ServerUser | undefined) {
  const fresh = `${data}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  if (user) await chown(fresh, user.uid, user.gid);
  await command("initdb", [
    `--pgdata=${fresh}`,
    "--username=postgres",
    `--pwfile=${join(folder, "password")}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    // Sorts by code point on every system, whatever locales it has.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--data-checksums",
  ]);
  await rename(fresh, data);
}

/** Answers whether the settings differ from those that a running server was started with. */
async function writeSettings(data: string, port: number, user: ServerUser | undefined): Promise<boolean> {
  const file = join(data, "postgresql.conf");
  const settings = `# Written at every start.
listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 128MB
# An SSD, as under Aurora: a random page costs hardly more than the next one.
random_page_cost = 1.1
effective_cache_size = 1GB
max_wal_size = 512MB
jit = off
# A commit that was answered survives a crash and a power cut.
fsync = on
synchronous_commit = on
full_page_writes = on
password_encryption = scram-sha-256
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
`;
  if ((await readFile(file, "utf8")) === settings) return false;
  await writeFile(file, settings, { mode: 0o600 });
  if (user) await chown(file, user.uid, user.gid);
  return true;
}

async function startServer(command: PostgresCommand, folder: string, data: string, user: ServerUser | undefined) {
  const log = join(folder, "postgres.log");
  await writeFile(log, "", { flag: "a", mode: 0o600 });
  if (user) await chown(log, user.uid, user.gid);
  if ((await stat(log)).size > logLimitBytes) await truncate(log);
  try {
    // pg_ctl starts the server in a session of its own: Ctrl-C in the terminal does not reach it, so whoever still
    // writes to the database can finish first.
    await command("pg_ctl", ["start", "-D", data, "-l", log, "-w", "-s", "-t", String(startTimeoutSeconds)]);
  } catch (error) {
    const tail = (await readFile(log, "utf8")).trim().split("\n").slice(-8).join("\n");
    throw new Error(`PostgreSQL did not start. The end of ${log}:\n${tail}`, { cause: error });
  }
}

async function stopServer(command: PostgresCommand, data: string): Promise<void> {
  if (!(await readPostmaster(data))) return;
  await command("pg_ctl", ["stop", "-D", data, "-m", "fast", "-w", "-s", "-t", "120"]);
}

/** Clients do not agree on how to read escapes in the path of a URL, so there are none. */
function plainName(database: string): string {
  if (/^[A-Za-z0-9_-]{1,63}$/.test(database)) return database;
  throw new Error(`A database name may have letters, digits, "_" and "-", at most 63: ${JSON.stringify(database)}`);
}

function databasesOf(urlOf: (database: string) => string) {
  const withAdmin = async <T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> => {
    const sql = postgres(urlOf("postgres"), { max: 1, onnotice: () => {} });
    try {
      return await work(sql);
    } finally {
      await sql.end();
    }
  };
  const isThere = async (sql: postgres.Sql, name: string) =>
    (await sql`SELECT 1 FROM pg_database WHERE datname = ${name}`).length > 0;
  /** One at a time in all processes: CREATE DATABASE has no IF NOT EXISTS. */
  const exclusively = (work: (sql: postgres.Sql) => Promise<void>) =>
    withAdmin(async (sql) => {
      await sql`SELECT pg_advisory_lock(hashtext('local databases'))`;
      await work(sql);
    });

  return {
    create: (name: string, template?: string) =>
      withAdmin(async (sql) => {
        const url = urlOf(name);
        await sql`CREATE DATABASE ${sql(name)} ${template === undefined ? sql`` : sql`TEMPLATE ${sql(template)}`}`;
        return url;
      }),
    drop: (name: string) =>
      withAdmin(async (sql) => {
        await sql`DROP DATABASE IF EXISTS ${sql(name)} WITH (FORCE)`;
      }),
    ensure: (name: string) =>
      exclusively(async (sql) => {
        if (!(await isThere(sql, name))) await sql`CREATE DATABASE ${sql(name)}`;
      }),
    template: (name: string, prepare: (url: string) => Promise<void>) =>
      exclusively(async (sql) => {
        if (await isThere(sql, name)) return;
        // Renamed only when it is ready: a preparation that failed or was killed leaves no half template.
        const draft = `${name}_draft`;
        await sql`DROP DATABASE IF EXISTS ${sql(draft)} WITH (FORCE)`;
        await sql`CREATE DATABASE ${sql(draft)}`;
        await prepare(urlOf(draft));
        await sql`ALTER DATABASE ${sql(draft)} RENAME TO ${sql(name)}`;
      }),
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
