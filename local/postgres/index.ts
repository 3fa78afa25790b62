import { randomBytes } from "node:crypto";
import { chown, mkdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { exists } from "../data/exists.ts";
import { rememberedPort } from "../data/port.ts";
import { privateFile } from "../data/private-file.ts";
import { findBinaries, type PostgresCommand, postgresCommand, type ServerUser, serverUser } from "./binaries.ts";
import { databasesOf, plainName } from "./databases.ts";
import { readPostmaster } from "./postmaster.ts";

export type LocalPostgres = {
  /** The connection URL of `database`, as superuser. */
  url: string;
  /** The connection URL of `database` for the gateway's own role. The migration creates this role from `url`. */
  appUrl: string;
  port: number;
  /**
   * Creates a database, as a copy of `template` if given. Returns its URL. Throws if a database with this name exists.
   */
  createDatabase(name: string, template?: string): Promise<string>;
  dropDatabase(name: string): Promise<void>;
  /**
   * Creates a template database with `prepare` (migrations, seeds), unless it exists. If several processes call
   * this at the same time, only one prepares it. To prepare it again, use another name.
   */
  templateDatabase(name: string, prepare: (url: string) => Promise<void>): Promise<void>;
  /** Ends all connections and stops the server. */
  stop(): Promise<void>;
};

export type LocalPostgresOptions = {
  /**
   * Folder of the server: `data`, the passwords of the superuser (`password`) and of the gateway's role
   * (`app-password`), with mode 0600, and the log. Only one process may use it at a time.
   */
  dataDir: string;
  /** TCP port on 127.0.0.1. Default: the port of the last start if it is free, otherwise any free port. */
  port?: number;
  /** The database for `url`, created if it does not exist. Default "switchboard". */
  database?: string;
};

const appRole = "switchboard";
const startTimeoutSeconds = 300;
const logLimitBytes = 8 * 1024 * 1024;

/**
 * Starts PostgreSQL 18 on 127.0.0.1. Creates its data on the first run and recovers it after a crash. The server is a
 * separate process, which keeps running if the gateway is killed. The next start reuses that process. Throws if the
 * binaries are missing, the port is in use or the data can't be opened.
 */
export async function startPostgres(options: LocalPostgresOptions): Promise<LocalPostgres> {
  const folder = resolve(options.dataDir);
  const data = join(folder, "data");
  const user = await serverUser();
  const command = postgresCommand(await findBinaries(), user);

  await mkdir(folder, { recursive: true, mode: 0o700 });
  const password = await openPassword(folder, data);
  const appPassword = (await privateFile(join(folder, "app-password"), newPassword)).toString();
  if (!(await exists(data))) await createData(folder, data, command, user);

  const running = await readPostmaster(data);
  const keepPort = running && (options.port ?? running.port) === running.port;
  const port = keepPort ? running.port : await rememberedPort(join(folder, "port"), options.port, "PostgreSQL");
  const changed = await writeSettings(data, port, user);
  // A server that is still recovering accepts no connections. A restart waits until the server accepts connections.
  const reusable = running?.ready === true && !changed;
  if (running && !reusable) await stopServer(command, data);
  if (!reusable) await startServer(command, folder, data, user);

  const server = `127.0.0.1:${port}`;
  const urlOf = (database: string) => `postgres://postgres:${password}@${server}/${plainName(database)}`;
  const databases = databasesOf(urlOf);
  const database = options.database ?? "switchboard";
  await databases.ensure(database);
  return {
    url: urlOf(database),
    appUrl: `postgres://${appRole}:${appPassword}@${server}/${plainName(database)}`,
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
    throw new Error(
      `${data} has a database, but its password file ${file} is missing. Restore the file from a backup.`,
    );
  }
  return (await privateFile(file, newPassword)).toString();
}

const newPassword = () => randomBytes(24).toString("base64url");

/**
 * Creates the data in a temporary folder and then renames the folder. After an interruption, the next run starts over.
 */
async function createData(folder: string, data: string, command: PostgresCommand, user: ServerUser | undefined) {
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
    // Sorts by code point on every system, independent of its locales.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--data-checksums",
  ]);
  await rename(fresh, data);
}

/** Writes the settings. Returns whether they differ from those of the last start. */
async function writeSettings(data: string, port: number, user: ServerUser | undefined): Promise<boolean> {
  const file = join(data, "postgresql.conf");
  const settings = `# Written at every start.
listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = ''
max_connections = 200
shared_buffers = 128MB
# For an SSD, as in Aurora: random reads cost about as much as sequential ones.
random_page_cost = 1.1
effective_cache_size = 1GB
max_wal_size = 512MB
jit = off
# A confirmed commit survives a crash and a power failure.
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
    // pg_ctl starts the server in its own session, so Ctrl-C in the terminal does not reach it, and the gateway can stop it
    // last.
    await command("pg_ctl", ["start", "-D", data, "-l", log, "-w", "-s", "-t", String(startTimeoutSeconds)]);
  } catch (error) {
    const tail = (await readFile(log, "utf8")).trim().split("\n").slice(-8).join("\n");
    throw new Error(`PostgreSQL did not start. Last lines of ${log}:\n${tail}`, { cause: error });
  }
}

async function stopServer(command: PostgresCommand, data: string): Promise<void> {
  if (!(await readPostmaster(data))) return;
  await command("pg_ctl", ["stop", "-D", data, "-m", "fast", "-w", "-s", "-t", "120"]);
}
