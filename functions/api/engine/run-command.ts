import { type AcceptRequest, acceptCommand } from "../../../core/command/accept.ts";
import { type CommandName, commandCatalog } from "../../../core/command/catalog/index.ts";
import type { Accepted } from "../../../core/command/idempotency.ts";
import { waitForResult } from "../../../core/command/result.ts";
import { defined } from "../../../core/object.ts";
import { type CallerContext, type InstanceContext, Pending } from "./context.ts";
import { defaultWaitMs } from "./dependencies.ts";

/** Accepts a command for the caller. Returns the ids of a send at once. For other commands, waits for the result. */
export async function runCommand(
  context: InstanceContext,
  name: CommandName,
  input: unknown,
  options: Pick<AcceptRequest, "check" | "runAt" | "options"> = {},
): Promise<unknown> {
  const accepted = await acceptCommand(context.deps, {
    userId: context.caller.userId,
    instance: context.instance,
    name,
    input,
    ...options,
    idempotencyKey: context.idempotencyKey,
    correlationId: context.requestId,
    audit: context.audit,
  });
  if (commandCatalog[name].kind === "send") {
    const { messageId, commandId, runAt: scheduledFor } = accepted;
    return { messageId, commandId, ...defined({ scheduledAt: scheduledFor?.toISOString() }) };
  }
  return waitForCommand(context, accepted);
}

/**
 * Waits for an accepted command. Returns its output, or `Pending` if it still runs after `waitMs`. Throws the error of a failed
 * command.
 */
export async function waitForCommand(
  context: CallerContext,
  accepted: Accepted,
): Promise<Pending | { commandId: string }> {
  const { deps } = context;
  const result = await waitForResult(deps, accepted.commandId, deps.waitMs ?? defaultWaitMs);
  if (result.status === "failed") throw result.error;
  if (result.status === "open") return new Pending(accepted.commandId);
  return { ...(result.output as object), commandId: accepted.commandId };
}
