import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * `transaction`: runs in a transaction of its own. `concurrent`: builds or drops an index outside of a transaction.
 * `slices`: a query that is repeated, each time in a transaction of its own. Its only parameter is the result of the run
 * before, null at first. It ends when the result is null.
 */
export interface Step {
  kind: "transaction" | "concurrent" | "slices";
  sql: string;
}

export interface Migration {
  tag: string;
  /** Identifies the migration in the table of applied migrations. */
  when: number;
  hash: string;
  /** Whether it drops what the previous version uses, so that it must wait until that version has stopped. */
  contract: boolean;
  /** Whether a step is canceled before a lease can expire. */
  timed: boolean;
  steps: Step[];
}

/** The first migration whose steps are separate. Each earlier one is a single step. */
const firstWithSteps = "0043";

const defaultFolder = fileURLToPath(new URL("./migrations", import.meta.url));

/** Reads the migrations of a folder, in their order. */
export async function readMigrations(folder = defaultFolder): Promise<Migration[]> {
  const journal: { entries: { tag: string; when: number }[] } = JSON.parse(
    await readFile(join(folder, "meta/_journal.json"), "utf8"),
  );
  return await Promise.all(
    journal.entries.map(async ({ tag, when }) =>
      parseMigration(tag, when, await readFile(join(folder, `${tag}.sql`), "utf8")),
    ),
  );
}

/** Returns the steps of a migration file. */
export function parseMigration(tag: string, when: number, text: string): Migration {
  const parts = text.split("--> statement-breakpoint").filter((part) => withoutComments(part).trim() !== "");
  const timed = tag >= firstWithSteps;
  return {
    ...{ tag, when, timed },
    hash: createHash("sha256").update(text).digest("hex"),
    contract: /^-- contract$/m.test(text),
    steps: timed ? parts.map(stepOf) : [{ kind: "transaction", sql: parts.join("\n;\n") }],
  };
}

function stepOf(sql: string): Step {
  if (/^-- slices$/m.test(sql)) return { kind: "slices", sql };
  return { kind: /\bconcurrently\b/i.test(withoutComments(sql)) ? "concurrent" : "transaction", sql };
}

/** Removes the comments of SQL. */
export const withoutComments = (sql: string): string => sql.replaceAll(/--[^\n]*/g, "");
