import { join } from "node:path";
import postgres from "postgres";
import { expect, onTestFinished, test } from "vitest";
import { readMigrations } from "../../core/db/migration-file.ts";
import { runMigrations } from "../../core/db/migration-run.ts";
import { startPostgres } from "../../local/postgres/index.ts";
import { countRows, fillTables } from "../support/database/fill-tables.ts";
import { seedPostgres } from "../support/postgres.ts";
import { folderOfTest } from "../support/process/temporary-folder.ts";

test("each migration works on a database with rows in all tables, and keeps the rows", {
  timeout: 180_000,
}, async () => {
  const folder = await folderOfTest();
  await seedPostgres(join(folder, "postgres"));
  const server = await startPostgres({ dataDir: join(folder, "postgres") });
  onTestFinished(() => server.stop());
  // The database of the seed is migrated already.
  const admin = postgres(server.url, { max: 1, onnotice: () => undefined });
  await admin`create database upgraded`;
  await admin.end();
  const url = new URL(server.url);
  url.pathname = "/upgraded";
  const sql = postgres(url.href, { max: 1, onnotice: () => undefined });
  const migrations = await readMigrations();
  const options = { mayContract: async () => true, signal: new AbortController().signal };
  let before: Record<string, number> = {};
  for (const [index, { tag }] of migrations.entries()) {
    await runMigrations(sql, migrations.slice(0, index + 1), options).catch((error: unknown) => {
      throw new Error(`${tag} fails on a database with rows`, { cause: error });
    });
    const after = await countRows(sql);
    const lost = Object.keys(before).filter((table) => table in after && (after[table] ?? 0) < (before[table] ?? 0));
    expect({ tag, lost }).toEqual({ tag, lost: [] });
    before = await fillTables(sql);
    expect(Object.entries(before).filter(([, rows]) => rows === 0)).toEqual([]);
  }
  await sql.end();
});
