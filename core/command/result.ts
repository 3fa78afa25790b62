import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../db/index.ts";
import { AppError, isErrorCode } from "../error.ts";

export type CommandResult =
  | { status: "open" }
  | { status: "done"; output: unknown }
  | { status: "failed"; error: AppError };

/** Where a command stands. A command whose row is gone went with its instance, which is how `instance.delete` ends. */
export async function readResult(db: Database, commandId: string): Promise<CommandResult> {
  const [row] = await db.sql<
    { status: string; output: unknown; error_code: string | null; error_details: string | null }[]
  >`select status, output, error_code, error_details from commands where id = ${commandId}`;
  if (!row) return { status: "done", output: {} };
  if (row.status === "done") return { status: "done", output: row.output };
  if (row.status === "failed") {
    const code = isErrorCode(row.error_code) ? row.error_code : "internal";
    return { status: "failed", error: new AppError(code, row.error_details ?? undefined) };
  }
  return { status: "open" };
}

/**
 * Waits for a command to end, up to `timeoutMs`: fast at first, then slower, as most end within milliseconds.
 * Answers `open` when the time is up.
 */
export async function waitForResult(db: Database, commandId: string, timeoutMs = 25_000): Promise<CommandResult> {
  const end = performance.now() + timeoutMs;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 500)) {
    const result = await readResult(db, commandId);
    const left = end - performance.now();
    if (result.status !== "open" || left <= 0) return result;
    await sleep(Math.min(pause, left));
  }
}
