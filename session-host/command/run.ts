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

/**
 * Runs a mutation. If it fails after WhatsApp accepted some of its steps, or if its output is not as declared, `record`
 * gets what WhatsApp has changed before this throws.
 */
export async function runMutation<Name extends MutationName>(
  command: Claimed<Name>,
  context: ConnectedContext,
  record: (change: Change) => Promise<void>,
): Promise<RunResult> {
  let changes: Change[] = [];
  const accepted = (change: Change) => void changes.push(change);
  try {
    return await labelled(`command ${command.name}`, async () => {
      const mutation = { ...context, commandId: command.id, accepted };
      const returned: unknown = await mutations[command.name](mutation, command.input);
      // The change of a stanza is not made before WhatsApp acknowledges the stanza.
      if (returned instanceof ExecutorResult && !returned.stanza) changes = [returned.change];
      return resultOf(command, returned);
    });
  } catch (error) {
    for (const change of changes) await record({ ...change, correlationId: command.correlationId });
    throw error;
  }
}

function resultOf(command: Claimed<CommandName>, returned: unknown): RunResult {
  const { output, change, stanza } = returned instanceof ExecutorResult ? returned : new ExecutorResult(returned, {});
  const parsed = commandCatalog[command.name].output.parse(output);
  return { change: { ...change, ...succeed(command, parsed) }, stanza };
}

/**
 * Returns the error that a command fails with when its executor throws. Only errors of WhatsApp and of Baileys are
 * `whatsapp_error`. The log has the cause of any other error.
 */
export function failureOf(error: unknown): AppError {
  if (error instanceof AppError) return error;
  // Baileys puts the code of a refusal into `data`. Source: `ErrIQRateOverLimit` in whatsmeow's errors.go.
  if ((error as { data?: unknown })?.data === 429) return rateLimited(error);
  const code = isFromWhatsApp(error) ? "whatsapp_error" : "internal";
  return new AppError(code, code === "internal" ? undefined : errorText(error), { cause: error });
}

/** The names of the errors of libsignal, with which Baileys encrypts (`src/errors.js`). */
const signalErrors = ["SessionError", "MessageCounterError", "PreKeyError", "UntrustedIdentityKeyError"];

/** Whether Baileys or WhatsApp reports the error. Baileys throws Boom errors, and puts the codes of refusals into `data`. */
function isFromWhatsApp(error: unknown): boolean {
  const { isBoom, data, name = "" } = (error ?? {}) as { isBoom?: boolean; data?: unknown; name?: string };
  return isBoom === true || typeof data === "number" || signalErrors.includes(name);
}
