import type { AuditEntry } from "../audit/log.ts";
import type { Clock } from "../clock.ts";
import { isUnsent, NoAnswer, readInTime } from "../db/answer.ts";
import type { Database } from "../db/index.ts";
import { isNotStored, sqlState, sqlStates } from "../db/sql-state.ts";
import { AppError } from "../error.ts";
import type { Ids } from "../id.ts";
import { assertSendable, type Instance } from "../instance/index.ts";
import { faultsOf } from "../issue.ts";
import type { Logger } from "../log.ts";
import { idTaken } from "../message/status.ts";
import type { Queues } from "../queue/index.ts";
import { commandQueue } from "../queue/name.ts";
import { assertRoomForFiles, type QuotaLimits, takeQuota } from "../quota/index.ts";
import { assertUnrestricted, type SendOptions } from "../restriction/index.ts";
import type { CommandDefinition, MessagePreview } from "./catalog/define.ts";
import { type CommandName, commandCatalog, isImmediate } from "./catalog/index.ts";
import { commandMessage } from "./envelope.ts";
import type { HandOver } from "./hand-over.ts";
import { type Accepted, findAccepted, hashOf, type RequestIdentity } from "./idempotency.ts";
import { assertLinked, assertRunAt } from "./schedule.ts";
import { type NewCommand, requestRow, type StorableCommand, type Stored, storeRows } from "./store.ts";
import { storeBatchOf } from "./store-batch.ts";

export interface AcceptDeps {
  db: Database;
  queues: Pick<Queues, "send">;
  clock: Clock;
  ids: Ids;
  log: Logger;
  /** The limits of users without limits of their own. */
  quotas: QuotaLimits;
  /** The hosts of this process. Without it, all commands go over the queue. */
  handOver?: HandOver | undefined;
}

export interface AcceptRequest extends RequestIdentity {
  instance: Instance;
  /**
   * For a send: the time at which the message is due. The command skips the queue, and the session host claims the
   * command at this time.
   */
  runAt?: Date | undefined;
  /** For a send. */
  options?: SendOptions | undefined;
  /**
   * An additional check, skipped for a request that was accepted before. It runs after all other checks, so it may store what
   * the command needs. Throws the error for the caller.
   */
  check?: (() => Promise<void>) | undefined;
  /** Up to 255 characters, chosen by the caller. */
  idempotencyKey?: string | undefined;
  correlationId: string;
  /**
   * For a command that came over SQS: the id that its sender chose, and the queue for the reply. See `core/ingress`.
   */
  reply?: { requestId: string; queue: string | null } | undefined;
  /**
   * The entry of the audit log, which is written together with the command. A request without `reply` then counts as a call of
   * the API. `onWritten` is called if this was done: not for a request that fails, or that was accepted before.
   */
  audit?: { entry: AuditEntry; onWritten?: () => void } | undefined;
  /**
   * Called after the row is written and before the command can run. Not called for a request that was accepted before.
   */
  onAccepted?: ((accepted: Accepted) => Promise<void>) | undefined;
}

/** How long a send waits for its instance to connect before it fails. */
export const sendLifetimeMs = 24 * 60 * 60 * 1000;
/** How long a mutation or a query waits before it fails. API Gateway answers its caller after 30 s at the latest. */
const callLifetimeMs = 60 * 1000;

/**
 * Accepts a command: writes one row with the request and, for a send, the message as `pending`, then puts the command
 * on the queue. Returns when the row is written and the queue has the command. A scheduled command skips the queue, and
 * so does a command that a session host in the same process takes at once (see `HandOver`).
 * Throws `AppError`: `invalid_request`, `instance_not_connected`, `recipient_not_on_whatsapp` (for a number that was
 * recently checked with WhatsApp), `idempotency_conflict`, `quota_exceeded`, `unavailable`, `outcome_unknown`
 * (the command may be stored; the same request with the same key is safe), and the errors of the command's precheck.
 */
export async function acceptCommand(deps: AcceptDeps, request: AcceptRequest): Promise<Accepted> {
  const definition: CommandDefinition = commandCatalog[request.name];
  const input = parseInput(definition, request.input);
  // A check may store a file, so it is only run for a new request. Other requests look for their key only if they fail.
  const earlier = request.check && (await findAccepted(deps.db, request));
  if (earlier) return earlier;
  const now = deps.clock.now();
  let command: ParsedCommand;
  try {
    command = await checkedCommand(deps, request, { definition, input, now });
  } catch (error) {
    const accepted = await findAccepted(deps.db, request);
    if (accepted) return accepted;
    throw error;
  }
  let isHandedOver: boolean;
  try {
    isHandedOver = await storeCommand(deps, request, newCommand(deps.ids, request, command, now));
  } catch (error) {
    if (isKnown(error)) {
      // A concurrent request with the same key was stored first. Return the result of that request.
      const winner = await findAccepted(deps.db, request);
      if (winner) return winner;
      if (command.preview?.messageId && sqlState(error) === sqlStates.uniqueViolation) throw idTaken();
      throw error;
    }
    isHandedOver = (await statusAfter(deps, command.id, error)) !== "queued";
  }
  request.audit?.onWritten?.();
  const accepted = {
    commandId: command.id,
    messageId: command.messageId,
    runAt: request.runAt ?? null,
    repeated: false,
  };
  await request.onAccepted?.(accepted);
  if (!request.runAt && !isHandedOver) await enqueue(deps, request, command);
  return accepted;
}

/** Runs all checks of a new request. The check of the caller is the last one, because it may change something. */
async function checkedCommand(
  deps: AcceptDeps,
  request: AcceptRequest,
  { definition, input, now }: { definition: CommandDefinition; input: unknown; now: Date },
): Promise<ParsedCommand> {
  assertStartable(definition, request, now);
  const context = { db: deps.db, instanceId: request.instance.id };
  const fixed = await definition.fix?.(context, input);
  const checked = await definition.precheck?.(context, input);
  if (storesFile(request.name)) await assertRoomForFiles(deps, request.instance.userId);
  const command = parsedCommand(
    deps.ids,
    definition,
    fixed ? Object.assign({}, input, fixed) : input,
    definition.preview?.(input, checked),
  );
  await assertOptions(deps, request, command, now);
  await request.check?.();
  return command;
}

function parseInput(definition: CommandDefinition, input: unknown): unknown {
  const parsed = definition.input.safeParse(input);
  if (parsed.success) return parsed.data;
  const details = faultsOf(parsed.error.issues)
    .map(({ path, message }) => `${path.join(".") || "body"}: ${message}`)
    .join("; ");
  throw new AppError("invalid_request", details);
}

/** Throws if the command can't have these options, or if the caller wants no message that would wait. */
async function assertOptions(
  { db }: AcceptDeps,
  { instance, options, runAt }: AcceptRequest,
  { preview }: ParsedCommand,
  now: Date,
): Promise<void> {
  if (options && !preview)
    throw new AppError("invalid_request", "onRestriction, typing, delay, priority: only for messages");
  if (options?.onRestriction === "fail" && preview && !runAt)
    await assertUnrestricted(db.sql, instance, preview.to, now);
}

/** Throws unless the instance can run the command now, or at its due time if the command is scheduled. */
function assertStartable(definition: CommandDefinition, { instance, runAt }: AcceptRequest, now: Date): void {
  if (runAt) {
    if (definition.kind !== "send") throw new AppError("invalid_request", "sendAt: only messages can be scheduled");
    assertRunAt(runAt, now);
    assertLinked(instance);
  } else if (!definition.offline) assertSendable(instance, now);
}

/** A parsed command with its ids. */
interface ParsedCommand {
  id: string;
  definition: CommandDefinition;
  /** The input, as the schema returns it. */
  input: unknown;
  preview: MessagePreview | undefined;
  messageId: string | null;
}

function parsedCommand(
  ids: Ids,
  definition: CommandDefinition,
  input: unknown,
  preview: MessagePreview | undefined,
): ParsedCommand {
  const messageId = preview ? (preview.messageId ?? ids.messageId()) : null;
  return { id: ids.uuid(), definition, input, preview, messageId };
}

/** Whether the host stores a file in the bucket for the command. */
const storesFile = (name: CommandName) => name === "message.sendMedia" || name === "status.sendMedia";

/** Returns what is written for a command. */
function newCommand(ids: Ids, request: AcceptRequest, command: ParsedCommand, now: Date): NewCommand {
  const { runAt, idempotencyKey: key } = request;
  const { preview, messageId } = command;
  const startAt = runAt ?? now;
  // WhatsApp's timestamps are whole seconds. With milliseconds, our message would sort after a reply of the same
  // second.
  const sentAt = new Date(Math.floor(startAt.getTime() / 1000) * 1000);
  return {
    id: command.id,
    definition: command.definition,
    input: command.input,
    instance: request.instance,
    userId: request.userId,
    message: preview && messageId !== null ? { id: ids.uuid(), waId: messageId, preview, sentAt } : undefined,
    options: request.options,
    runAt,
    acceptedAt: now,
    deadline: new Date(startAt.getTime() + (preview ? sendLifetimeMs : callLifetimeMs)),
    correlationId: request.correlationId,
    reply: request.reply,
    audit: request.audit?.entry,
    idempotency: key === undefined ? undefined : { key, hash: hashOf(request) },
  };
}

/** Whether the error says for certain that the command is not stored. */
const isKnown = (error: unknown): boolean => error instanceof AppError || isNotStored(error) || isUnsent(error);

/**
 * Returns the status of a command whose statement has failed with `error` without a certain result. Throws the error if
 * Postgres has ended the statement, and `outcome_unknown` if the statement may still run.
 */
async function statusAfter({ db }: AcceptDeps, commandId: string, error: unknown): Promise<string> {
  const query = db.sql<{ status: string }[]>`select status from commands where id = ${commandId}`;
  // If this look-up fails too, the outcome stays unknown.
  const rows = await readInTime(db, query).catch(() => undefined);
  if (rows?.[0]) return rows[0].status;
  if (rows && sqlState(error) !== undefined) throw error;
  const details =
    "the database did not answer, so the command may have been accepted: repeat the request with the same Idempotency-Key";
  throw new AppError("outcome_unknown", details, { cause: error });
}

/**
 * Writes the command. A scheduled send counts toward a quota of the instance's owner. A command that a host of this
 * process can take is claimed in the same statement and handed to the host. Returns whether that was done. Throws
 * `unavailable` if another request used the key first.
 */
async function storeCommand(deps: AcceptDeps, request: AcceptRequest, command: NewCommand): Promise<boolean> {
  const { db } = deps;
  if (command.runAt) {
    await db.sql.begin(async (tx) => {
      await takeQuota(deps, tx, request.instance.userId, { scheduledSends: 1 });
      assertStored(command, (await storeRows(tx, [requestRow(command)]))[0]);
    });
    return false;
  }
  const store = async (storable: StorableCommand) => assertStored(command, await storeBatchOf(db).store(storable));
  const reservation = reservationFor(deps, request);
  if (reservation) {
    try {
      const stored = await store({ ...command, reservation });
      if (stored === "stored") return false;
      reservation.take(stored);
      return true;
    } catch (error) {
      if (!isKnown(error)) reservation.search(command.id, error instanceof NoAnswer ? error.settled : undefined);
      if (sqlState(error) !== sqlStates.leaseLost) throw error;
    } finally {
      reservation.end();
    }
  }
  await store(command);
  return false;
}

function assertStored({ message }: NewCommand, stored: Stored | undefined): Exclude<Stored, "absent" | "repeated"> {
  if (stored === "repeated") {
    // The caller gets this only if the other command did not reach the queue, and was deleted together with its key.
    throw new AppError("unavailable", "another request with this Idempotency-Key has just failed; try again");
  }
  if (stored !== undefined && stored !== "absent") return stored;
  const recipient = message?.preview.to.split("@")[0];
  throw new AppError("recipient_not_on_whatsapp", `${recipient} is not on WhatsApp`);
}

/**
 * Returns the right to claim the command for a host of this process, if there is a host with room for it. The sender of
 * a command that came over SQS must get the reply `accepted` before the command runs.
 */
function reservationFor({ handOver }: AcceptDeps, { instance, name, onAccepted, reply }: AcceptRequest) {
  if (onAccepted || reply) return undefined;
  return handOver?.reserve(instance.shard, instance.id, !isImmediate(name));
}

/**
 * Puts the command on its queue. If this process dies first, `functions/cron` puts the command on its queue. If the
 * queue refuses the command, the command fails and frees its key, so that the caller can safely try again. A command
 * that came over SQS stays, because its sender may already have the reply `accepted`. The session host finds that
 * command in the database.
 */
async function enqueue(deps: AcceptDeps, { instance, reply }: AcceptRequest, command: ParsedCommand): Promise<void> {
  const { id, definition } = command;
  try {
    const message = commandMessage({ id, instanceId: instance.id, kind: definition.kind });
    await deps.queues.send(commandQueue(instance.shard), message);
  } catch (error) {
    deps.log.error({ err: error, commandId: id }, "the command queue refused a command");
    if (reply) return;
    if (await failQueued(deps, instance.id, id)) {
      throw new AppError("unavailable", "the queue is not available", { cause: error });
    }
  }
}

/**
 * Fails a command that did not reach the queue and frees its key. Returns false if a host has the command after all.
 */
function failQueued({ db, clock }: AcceptDeps, instanceId: string, commandId: string): Promise<boolean> {
  return db.sql.begin(async (sql) => {
    const [command] = await sql<{ wa_id: string | null }[]>`
      update commands set status = 'failed', error_code = 'unavailable', finished_at = ${clock.now()}
      where id = ${commandId} and status = 'queued' returning wa_id`;
    if (!command) return false;
    if (command.wa_id) {
      await sql`
        update messages set status = 'failed', error = 'unavailable'
        where instance_id = ${instanceId} and wa_id = ${command.wa_id} and from_me and status = 'pending'`;
    }
    await sql`delete from idempotency_keys where command_id = ${commandId}`;
    return true;
  });
}
