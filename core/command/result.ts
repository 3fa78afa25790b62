import { setTimeout as sleep } from "node:timers/promises";
import type { Vault } from "../crypto/index.ts";
import { sealedPlace } from "../crypto/sealed-place.ts";
import type { Database } from "../db/index.ts";
import { AppError, isErrorCode } from "../error.ts";
import { commandCatalog, isCommandName } from "./catalog/index.ts";

export type CommandResult =
  | { status: "open" }
  | { status: "done"; output: unknown }
  | { status: "failed"; error: AppError };

export interface ResultDeps {
  db: Database;
  vault: Vault;
}

/** Returns the stored form of an output that is declared secret. */
export function sealedOutput(vault: Vault, commandId: string, output: unknown): { sealed: string } {
  return {
    sealed: vault.seal(Buffer.from(JSON.stringify(output)), sealedPlace.commandOutput(commandId)).toString("base64"),
  };
}

/** Returns the output of a command from its stored form. */
export function openedOutput(vault: Vault, command: { id: string; name: string; output: unknown }): unknown {
  if (!isCommandName(command.name) || !commandCatalog[command.name].secret) return command.output;
  const { sealed } = command.output as { sealed: string };
  return JSON.parse(vault.open(Buffer.from(sealed, "base64"), sealedPlace.commandOutput(command.id)).toString());
}

/**
 * Returns the state of a command. A command without a row is done: `instance.delete` deletes its own row with the
 * instance.
 */
export async function readResult({ db, vault }: ResultDeps, commandId: string): Promise<CommandResult> {
  const [row] = await db.sql<
    { name: string; status: string; output: unknown; error_code: string | null; error_details: string | null }[]
  >`select name, status, output, error_code, error_details from commands where id = ${commandId}`;
  if (!row) return { status: "done", output: {} };
  if (row.status === "done") return { status: "done", output: openedOutput(vault, { id: commandId, ...row }) };
  if (row.status === "failed") {
    const code = isErrorCode(row.error_code) ? row.error_code : "internal";
    return { status: "failed", error: new AppError(code, row.error_details ?? undefined) };
  }
  if (row.status === "canceled")
    return { status: "failed", error: new AppError("conflict", "the command was canceled") };
  return { status: "open" };
}

/**
 * Waits up to `timeoutMs` for a command to end. Polls fast at first, because most commands end within milliseconds.
 * Returns `open` when the time is up.
 */
export async function waitForResult(deps: ResultDeps, commandId: string, timeoutMs = 25_000): Promise<CommandResult> {
  const end = performance.now() + timeoutMs;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 500)) {
    const result = await readResult(deps, commandId);
    const left = end - performance.now();
    if (result.status !== "open" || left <= 0) return result;
    await sleep(Math.min(pause, left));
  }
}
