import { commandCatalog } from "../core/command/catalog.ts";
import { AppError } from "../core/error.ts";
import type { Logger } from "../core/log.ts";
import type { Change } from "./change.ts";
import type { ClaimedCommand } from "./claim.ts";
import { executors } from "./executors/index.ts";
import { execute, failure } from "./send-queue.ts";
import type { Session } from "./session.ts";

/**
 * Runs a command that this host has claimed: what manages the session now, a query now and beside everything else, a send or a
 * mutation in its turn.
 */
export async function dispatch(session: Session, command: ClaimedCommand, log: Logger): Promise<void> {
  if (isManagement(command)) return await keep(session, command, log, () => manage(session, command));
  if (command.kind === "query") return await keep(session, command, log, () => query(session, command));
  if (!session.hopeless) return session.queue.push(command);
  await keep(session, command, log, async () => {
    throw notConnected(session);
  });
}

const isManagement = (command: ClaimedCommand) => command.name.startsWith("instance.");

const notConnected = (session: Session) => new AppError("instance_not_connected", `the instance is ${session.status}`);

async function manage(session: Session, command: ClaimedCommand): Promise<Change | undefined> {
  const run = executors[command.name] as unknown as (session: Session, input: unknown) => Promise<unknown>;
  const output = await run(session, command.input);
  // Its row went with the instance.
  if (command.name === "instance.delete") return undefined;
  const { secret } = commandCatalog[command.name];
  return { commands: [{ id: command.id, status: "done", output, secret }], correlationId: command.correlationId };
}

async function query(session: Session, command: ClaimedCommand): Promise<Change> {
  if (!session.context) throw notConnected(session);
  return await execute(command, session.context);
}

/** A result that cannot be kept is found out by whoever holds the shard next: the command is still claimed. */
async function keep(
  session: Session,
  command: ClaimedCommand,
  log: Logger,
  work: () => Promise<Change | undefined>,
): Promise<void> {
  const { id: commandId, name } = command;
  const change = await work().catch((error: unknown) => {
    log.warn({ err: error, instanceId: session.id, commandId, command: name }, "a command failed");
    return failure(command, asAppError(error));
  });
  if (!change) return;
  await session.record(change).catch((error: unknown) => log.warn({ err: error, commandId }, "a result was not kept"));
}

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError("whatsapp_error", error instanceof Error ? error.message : undefined);
}
