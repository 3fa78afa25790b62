import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { migrate } from "../../core/db/migrate.ts";
import { startPostgres } from "../../local/postgres/index.ts";

/** Where the workers find the template. */
const variable = "SWITCHBOARD_TEST_POSTGRES";

/**
 * Vitest's global setup: makes the data of one server, with all migrations, that the tests copy. To make them anew for each
 * file would take more time than most of the tests do.
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

/** Puts the template into a folder where `startPostgres` will find it as data of its own. */
export async function seedPostgres(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  // `cp` and not Node's: the server's files belong to another user when root runs the tests, and keep their owner.
  await promisify(execFile)("cp", ["-a", `${process.env[variable]}/.`, dataDir]);
}
