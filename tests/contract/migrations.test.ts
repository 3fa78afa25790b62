import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const migrations = "core/db/migrations";

test("the migrations create the tables that the code declares", async () => {
  const folder = await mkdtemp(join(tmpdir(), "switchboard-migrations-"));
  try {
    await cp(migrations, folder, { recursive: true });
    const before = await readdir(folder);
    const { stdout, stderr } = await promisify(execFile)("drizzle-kit", [
      "generate",
      "--dialect=postgresql",
      "--schema=./core/schema.ts",
      `--out=${relative(".", folder)}`,
    ]);
    expect(stdout + stderr).toContain("No schema changes");
    expect(await readdir(folder)).toEqual(before);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
