import { eq, getTableColumns } from "drizzle-orm";
import { assertInstance, assertOwner, assertScope } from "../../../core/caller.ts";
import { isCommandName } from "../../../core/command/catalog/index.ts";
import { commands } from "../../../core/command/command.sql.ts";
import { openedOutput } from "../../../core/command/result.ts";
import { scopeOfCommand } from "../../../core/command/scope.ts";
import { AppError } from "../../../core/error.ts";
import { isUuid } from "../../../core/id.ts";
import type { CallerContext } from "../engine/context.ts";

export type CommandView = Omit<typeof commands.$inferSelect, "input" | "position" | "attempts" | "shard">;

const {
  input: _input,
  position: _position,
  attempts: _attempts,
  shard: _shard,
  ...visibleColumns
} = getTableColumns(commands);

/** Returns a command with its decrypted output. Throws `command_not_found` and `forbidden`. */
export async function getCommand(context: CallerContext, input: { commandId: string }): Promise<CommandView> {
  const [command] = isUuid(input.commandId)
    ? await context.deps.db.orm.select(visibleColumns).from(commands).where(eq(commands.id, input.commandId))
    : [];
  if (!command) throw new AppError("command_not_found");
  assertOwner(context.caller, command.userId);
  assertInstance(context.caller, command.instanceId);
  if (isCommandName(command.name)) assertScope(context.caller, scopeOfCommand(command.name));
  if (command.status !== "done") return command;
  return { ...command, output: openedOutput(context.deps.vault, command) };
}
