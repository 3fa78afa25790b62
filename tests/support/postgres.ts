import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { migrate } from "../../core/db/migrate.ts";
import { startPostgres } from "../../local/postgres/index.ts";

/** The environment variable with the path of the template. */
const variable = "SWITCHBOARD_TEST_POSTGRES";

/**
 * Vitest's global setup: makes a data folder with all migrations, which the tests copy. Migrating for each test file would
 * take longer than most of the tests.
 */
export default async function makeTemplate(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-template-"));
  const postgres = await startPostgres({ dataDir: folder });
  await migrate(postgres.url, 1);
  await postgres.stop();
  await rm(join(folder, "port"), { force: true });
  process.env[variable] = folder;
  return () => rm(folder, { recursive: true, force: true });
}

/** Copies the template to a folder, which `startPostgres` then uses as its data folder. */
export async function seedPostgres(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  // `cp -a` keeps the owner of the files, which is another user when root runs the tests. Node's cp doesn't.
  await promisify(execFile)("cp", ["-a", `${process.env[variable]}/.`, dataDir]);
}

/**
 * Returns the URL of the superuser of the embedded Postgres in a data folder, for tests that change tables. The gateway's
 * own role can't.
 */
export async function superuserUrl(dataDir: string, appUrl: string): Promise<string> {
  const url = new URL(appUrl);
  url.username = "postgres";
  url.password = await readFile(join(dataDir, "password"), "utf8");
  return url.href;
}
