import {
  type CommandName,
  commandCatalog,
  type MutationName,
  type QueryName,
  type SendName,
} from "../../core/command/catalog/index.ts";
import { succeed } from "../../core/command/end.ts";
import { AppError } from "../../core/error.ts";
import { errorText } from "../../core/error-text.ts";
import { labelled } from "../../core/work.ts";
import { rateLimited } from "../executors/answer.ts";
import { mutations, queries, sends } from "../executors/index.ts";
import { ExecutorResult, type Stanza } from "../executors/result.ts";
import type { ConnectedContext, PreparedMessage, SendContext } from "../executors/types.ts";
import type { Change } from "../ledger/change.ts";
import type { Claimed } from "./claim/claimed-command.ts";

/**
 * The change to record when a command succeeds. If the command has a stanza, the change is recorded when WhatsApp
 * acknowledges the stanza.
 */
export interface RunResult {
  change: Change;
  stanza: Stanza | undefined;
}

/** Returns the message that a send command sends. */
export function prepareSend<Name extends SendName>(
  command: Claimed<Name>,
  context: SendContext,
): Promise<PreparedMessage> {
  return labelled(`command ${command.name}`, () => sends[command.name](context, command.input));
}

export async function runQuery<Name extends QueryName>(
  command: Claimed<Name>,
  context: ConnectedContext,
): Promise<RunResult> {
  return await labelled(`command ${command.name}`, async () =>
    resultOf(command, await queries[command.name](context, command.input)),
  );
}

export async function runMutation<Name extends MutationName>(
  command: Claimed<Name>,
  context: ConnectedContext,
): Promise<RunResult> {
  return await labelled(`command ${command.name}`, async () =>
    resultOf(command, await mutations[command.name]({ ...context, commandId: command.id }, command.input)),
  );
}

function resultOf(command: Claimed<CommandName>, returned: unknown): RunResult {
  const { output, change, stanza } = returned instanceof ExecutorResult ? returned : new ExecutorResult(returned, {});
  const parsed = commandCatalog[command.name].output.parse(output);
  return { change: { ...change, ...succeed(command, parsed) }, stanza };
}

/** Returns the error that a command fails with when its executor throws. */
export function failureOf(error: unknown): AppError {
  if (error instanceof AppError) return error;
  // Baileys puts the code of a refusal into `data`. Source: `ErrIQRateOverLimit` in whatsmeow's errors.go.
  if ((error as { data?: unknown })?.data === 429) return rateLimited(error);
  return new AppError("whatsapp_error", errorText(error), { cause: error });
}
