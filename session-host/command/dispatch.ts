import type { ConvertName, ManageName, QueryName } from "../../core/command/catalog/index.ts";
import { fail, logEnds, succeed } from "../../core/command/end.ts";
import { AppError } from "../../core/error.ts";
import type { InstanceStatus } from "../../core/instance/instance.sql.ts";
import type { Logger } from "../../core/log.ts";
import { asCommand } from "../concurrency/instance-context.ts";
import { conversions as converters, management } from "../executors/index.ts";
import type { ConnectedContext, ManagedSession, OfflineContext } from "../executors/types.ts";
import type { Change } from "../ledger/change.ts";
import type { Conversions } from "../media/conversion.ts";
import { type Claimed, type ClaimedCommand, isConversion, isManagement, isQuery } from "./claim/claimed-command.ts";
import { failureOf, runQuery } from "./run.ts";
import type { SendQueue } from "./send/send-queue.ts";
import { traceOf } from "./trace.ts";

/** The part of a session that commands use. */
export interface CommandTarget extends ManagedSession {
  readonly id: string;
  readonly userId: string;
  readonly status: InstanceStatus;
  /** Undefined while the instance is not connected. */
  readonly context: ConnectedContext | undefined;
  /** Whether the instance stays disconnected until its user acts. */
  readonly needsUser: boolean;
  readonly queue: SendQueue;
  /** Makes a change durable, in order with all other changes of the session. */
  record(change: Change): Promise<void>;
}

/** Runs a command that this host has claimed, as work of its instance. */
export const dispatch = (session: CommandTarget, command: ClaimedCommand, deps: DispatchDeps): Promise<void> =>
  asCommand(session.id, () => dispatchNow(session, command, deps));

interface DispatchDeps {
  log: Logger;
  conversions: Conversions;
}

/**
 * Runs a command. A send or a mutation waits for its turn in the instance's send queue.
 * Every other command runs immediately.
 */
async function dispatchNow(
  session: CommandTarget,
  command: ClaimedCommand,
  { log, conversions }: DispatchDeps,
): Promise<void> {
  const run = (work: () => Promise<Change | undefined>) => runNow(session, command, log, work);
  if (isManagement(command)) return await run(() => manage(session, command));
  if (isConversion(command)) {
    const context: OfflineContext = {
      userId: session.userId,
      instanceId: session.id,
      conversions,
      deadline: command.deadline,
    };
    return await run(() => convertFile(command, context));
  }
  if (isQuery(command)) return await run(() => query(session, command));
  if (!session.needsUser) return session.queue.push(command);
  await run(() => Promise.reject(notConnectedError(session)));
}

const notConnectedError = (session: CommandTarget) =>
  new AppError("instance_not_connected", `the instance is ${session.status}`);

async function manage<Name extends ManageName>(
  session: CommandTarget,
  command: Claimed<Name>,
): Promise<Change | undefined> {
  const output = await management[command.name](session, command.input, command.correlationId, command.acceptedAt);
  // The command's row was deleted together with its instance.
  if (command.name === "instance.delete") return undefined;
  return succeed(command, output);
}

async function convertFile<Name extends ConvertName>(command: Claimed<Name>, context: OfflineContext): Promise<Change> {
  return succeed(command, await converters[command.name](context, command.input));
}

async function query(session: CommandTarget, command: Claimed<QueryName>): Promise<Change> {
  if (!session.context) throw notConnectedError(session);
  return (await runQuery(command, session.context)).change;
}

/**
 * Runs a command and records its end. If the end can't be recorded, the command stays claimed, and the next holder of
 * the shard runs it again.
 */
async function runNow(
  session: CommandTarget,
  command: ClaimedCommand,
  log: Logger,
  work: () => Promise<Change | undefined>,
): Promise<void> {
  const trace = traceOf(command);
  const change = await work().catch((error: unknown) => {
    log.warn({ ...trace, err: error }, "a command failed");
    return fail(command, failureOf(error));
  });
  if (!change) return logEnds(log, session.id, succeed(command, {}));
  await session
    .record(change)
    .catch((error: unknown) => log.warn({ ...trace, err: error }, "the end of a command was not recorded"));
}
