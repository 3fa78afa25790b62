import { commandCatalog } from "../../core/command/catalog/index.ts";
import { AppError } from "../../core/error.ts";
import type { InstanceStatus } from "../../core/instance/instance.sql.ts";
import type { Logger } from "../../core/log.ts";
import { executors } from "../executors/index.ts";
import type { ConnectedContext, ManagedSession, OfflineContext } from "../executors/types.ts";
import type { Change } from "../ledger/change.ts";
import { noteEnds } from "../ledger/command-end.ts";
import type { Conversions } from "../media/conversion.ts";
import type { ClaimedCommand } from "./claim.ts";
import { execute, failure, type SendQueue } from "./send-queue.ts";
import { traceOf } from "./trace.ts";

/** A session, as far as commands need it. */
export interface CommandTarget extends ManagedSession {
  readonly id: string;
  readonly status: InstanceStatus;
  /** Undefined while the instance is not connected. */
  readonly context: ConnectedContext | undefined;
  /** Whether the instance stays disconnected until its user acts. */
  readonly needsUser: boolean;
  readonly queue: SendQueue;
  /** Makes a change durable, in order with everything else of the session. */
  record(change: Change): Promise<void>;
}

/**
 * Runs a command that this host has claimed: what manages the session now, a query now and beside everything else, a send or a
 * mutation in its turn.
 */
export async function dispatch(
  session: CommandTarget,
  command: ClaimedCommand,
  { log, conversions }: { log: Logger; conversions: Conversions },
): Promise<void> {
  if (isManagement(command)) return await keep(session, command, log, () => manage(session, command));
  if (commandCatalog[command.name].offline) {
    const context: OfflineContext = { instanceId: session.id, conversions, deadline: command.deadline };
    return await keep(session, command, log, () => work(context, command));
  }
  if (command.kind === "query") return await keep(session, command, log, () => query(session, command));
  if (!session.needsUser) return session.queue.push(command);
  await keep(session, command, log, async () => {
    throw notConnected(session);
  });
}

const isManagement = (command: ClaimedCommand) => command.name.startsWith("instance.");

const notConnected = (session: CommandTarget) =>
  new AppError("instance_not_connected", `the instance is ${session.status}`);

async function manage(session: CommandTarget, command: ClaimedCommand): Promise<Change | undefined> {
  const { name, input, correlationId } = command;
  const run = executors[name] as unknown as (session: CommandTarget, input: unknown, cause: string) => Promise<unknown>;
  const output = await run(session, input, correlationId);
  // Its row went with the instance.
  if (name === "instance.delete") return undefined;
  const { secret } = commandCatalog[name];
  return done(command, output, secret);
}

async function work(context: OfflineContext, command: ClaimedCommand): Promise<Change> {
  const run = executors[command.name] as unknown as (context: OfflineContext, input: unknown) => Promise<unknown>;
  const output = await run(context, command.input);
  return done(command, output);
}

async function query(session: CommandTarget, command: ClaimedCommand): Promise<Change> {
  if (!session.context) throw notConnected(session);
  return await execute(command, session.context);
}

/** A result that cannot be kept is found out by whoever holds the shard next: the command is still claimed. */
async function keep(
  session: CommandTarget,
  command: ClaimedCommand,
  log: Logger,
  work: () => Promise<Change | undefined>,
): Promise<void> {
  const trace = traceOf(command);
  const change = await work().catch((error: unknown) => {
    log.warn({ ...trace, err: error }, "a command failed");
    return failure(command, asAppError(error));
  });
  if (!change) return noteEnds(log, session.id, done(command, {}));
  await session.record(change).catch((error: unknown) => log.warn({ ...trace, err: error }, "a result was not kept"));
}

const done = ({ id, name, correlationId }: ClaimedCommand, output: unknown, secret?: boolean): Change => ({
  commands: [{ id, name, status: "done", output, ...(secret === undefined ? {} : { secret }) }],
  correlationId,
});

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError("whatsapp_error", error instanceof Error ? error.message : undefined);
}
