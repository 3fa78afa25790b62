import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { parseMigration, readMigrations } from "../../core/db/migration-file.ts";
import { problemsOf } from "../support/database/migration-rules.ts";

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

test("no migration delays or breaks the previous version while it runs", async () => {
  const migrations = (await readMigrations()).filter(({ timed }) => timed);
  expect(migrations.length).toBeGreaterThan(0);
  expect(migrations.flatMap(problemsOf)).toEqual([]);
});

test.each([
  ["builds an index without CONCURRENTLY", 'CREATE INDEX "x" ON "messages" USING btree ("id");'],
  ["builds an index without CONCURRENTLY", 'CREATE UNIQUE INDEX "x" ON "messages" ("id");'],
  ["is CONCURRENTLY without IF", 'CREATE INDEX CONCURRENTLY "x" ON "messages" ("id");'],
  ["another statement", 'CREATE INDEX CONCURRENTLY IF NOT EXISTS "x" ON "messages" ("id"); SELECT 1;'],
  ["drops or renames", 'DROP INDEX CONCURRENTLY IF EXISTS "x";'],
  ["drops or renames", 'ALTER TABLE "messages" DROP COLUMN IF EXISTS "x";'],
  ["drops or renames", 'DROP TABLE IF EXISTS "messages";'],
  ["drops or renames", 'ALTER TABLE "messages" RENAME COLUMN "x" TO "y";'],
  ["drops or renames", "DROP TRIGGER IF EXISTS chats_move ON messages;"],
  ["drops an index without CONCURRENTLY", '-- contract\nDROP INDEX IF EXISTS "x";'],
  ["drops without IF EXISTS", '-- contract\nDROP INDEX CONCURRENTLY "x";'],
  ["adds a column without IF NOT EXISTS", 'ALTER TABLE "messages" ADD COLUMN "x" text;'],
  ["without slices", "UPDATE messages SET body = '';"],
  ["without slices", "-- A reason.\nDELETE FROM messages WHERE body = '';"],
  ["without slices", "INSERT INTO chats (instance_id) SELECT instance_id FROM messages;"],
  ["without slices", "WITH x AS (SELECT 1) UPDATE messages SET body = '';"],
  ["don't continue at $1", "-- slices\nUPDATE messages SET body = '' RETURNING null AS next;"],
  ["rewrites the table", 'ALTER TABLE "messages" ALTER COLUMN "body" SET DATA TYPE integer;'],
  ["rewrites the table", 'ALTER TABLE "messages" ALTER COLUMN "body" TYPE integer;'],
  ["rewrites the table", 'ALTER TABLE "messages" ADD COLUMN "x" uuid DEFAULT gen_random_uuid() NOT NULL;'],
  ["rewrites the table", 'ALTER TABLE "messages" ADD COLUMN "x" bigint GENERATED ALWAYS AS IDENTITY;'],
  ["rewrites the table", 'ALTER TABLE "messages" ADD COLUMN "x" text GENERATED ALWAYS AS (lower(body)) STORED;'],
  ["reads the whole table", 'ALTER TABLE "messages" ALTER COLUMN "body" SET NOT NULL;'],
  ["checks the whole table", 'ALTER TABLE "messages" ADD CONSTRAINT "x" FOREIGN KEY ("id") REFERENCES "users"("id");'],
  ["checks the whole table", 'ALTER TABLE "messages" ADD CONSTRAINT "x" CHECK (body <> \'\');'],
  ["builds an index under a lock", 'ALTER TABLE "messages" ADD CONSTRAINT "x" UNIQUE ("id");'],
  ["builds an index under a lock", 'ALTER TABLE "messages" ADD PRIMARY KEY ("id");'],
  ["without OR REPLACE", "CREATE TRIGGER x AFTER INSERT ON messages EXECUTE FUNCTION y();"],
])("the rules refuse a migration that %s: %s", (problem, sql) => {
  expect(problemsOf(parseMigration("9999_x", 0, sql)).join()).toContain(problem);
});

test.each([
  'CREATE TABLE "x" ("id" uuid);--> statement-breakpoint\nCREATE INDEX "y" ON "x" ("id");--> statement-breakpoint\nALTER TABLE "x" ADD CONSTRAINT "z" FOREIGN KEY ("id") REFERENCES "users"("id");',
  'CREATE INDEX CONCURRENTLY IF NOT EXISTS "x" ON "messages" ("id") WHERE status = \'queued\';',
  'ALTER TABLE "messages" ADD COLUMN IF NOT EXISTS "x" integer DEFAULT 0 NOT NULL;',
  'ALTER TABLE "messages" ADD COLUMN IF NOT EXISTS "x" timestamp with time zone DEFAULT now() NOT NULL;',
  'ALTER TABLE "messages" ADD CONSTRAINT "x" CHECK (body <> \'\') NOT VALID;--> statement-breakpoint\nALTER TABLE "messages" VALIDATE CONSTRAINT "x";',
  "CREATE OR REPLACE FUNCTION x() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE chats SET unread = 0; DROP TABLE y; END $$;",
  "-- slices\nSELECT backfill_x($1) AS next;",
  '-- contract\nALTER TABLE "messages" DROP COLUMN IF EXISTS "x";--> statement-breakpoint\nDROP INDEX CONCURRENTLY IF EXISTS "y";',
])("the rules accept a migration that delays nothing: %s", (sql) => {
  expect(problemsOf(parseMigration("9999_x", 0, sql))).toEqual([]);
});
