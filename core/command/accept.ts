import type postgres from "postgres";
import type { Clock } from "../clock.ts";
import { absenceMs } from "../contact/index.ts";
import type { Database } from "../db/index.ts";
import { storableJson, storableText } from "../db/index.ts";
import { sqlState, sqlStates } from "../db/sql-state.ts";
import { AppError } from "../error.ts";
import type { Ids } from "../id.ts";
import { assertSendable, type Instance } from "../instance/index.ts";
import type { Logger } from "../log.ts";
import { idTaken } from "../message/status.ts";
import type { Queues } from "../queue/index.ts";
import { commandQueue } from "../queue/name.ts";
import { assertRoomForFiles, type QuotaLimits, takeQuota } from "../quota/index.ts";
import { assertUnrestricted, type SendOptions } from "../restriction/index.ts";
import type { CommandDefinition, MessagePreview } from "./catalog/define.ts";
import { type CommandName, commandCatalog } from "./catalog/index.ts";
import { commandMessage } from "./envelope.ts";
import { type Accepted, findAccepted, hashOf, type RequestIdentity } from "./idempotency.ts";
import { assertLinked, assertRunAt } from "./schedule.ts";

export interface AcceptDeps {
  db: Database;
  queues: Pick<Queues, "send">;
  clock: Clock;
  ids: Ids;
  log: Logger;
  /** The limits of users without limits of their own. */
  quotas: QuotaLimits;
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
  /** An additional check, skipped for a request that was accepted before. Throws the error for the caller. */
  check?: (() => Promise<void>) | undefined;
  /** Up to 255 characters, chosen by the caller. */
  idempotencyKey?: string | undefined;
  correlationId: string;
  /**
   * For a command that came over SQS: the id that its sender chose, and the queue for the reply. See `core/ingress`.
   */
  reply?: { requestId: string; queue: string | null } | undefined;
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
 * on the queue. Returns when the row is written and the queue has the command. A scheduled command skips the queue.
 * Throws `AppError`: `invalid_request`, `instance_not_connected`, `recipient_not_on_whatsapp` (for a number that was
 * recently checked with WhatsApp), `idempotency_conflict`, `quota_exceeded`, `unavailable`, and the errors of the command's precheck.
 */
export async function acceptCommand(deps: AcceptDeps, request: AcceptRequest): Promise<Accepted> {
  const definition: CommandDefinition = commandCatalog[request.name];
  const input = parseInput(definition, request.input);
  const earlier = await findAccepted(deps.db, request);
  if (earlier) return earlier;
  const now = deps.clock.now();
  assertStartable(definition, request, now);
  const checked = await definition.precheck?.({ db: deps.db, instanceId: request.instance.id }, input);
  if (storesFile(request.name)) await assertRoomForFiles(deps, request.instance.userId);
  await request.check?.();
  const command = newCommand(deps.ids, definition, input, definition.preview?.(input, checked));
  await assertOptions(deps, request, command, now);
  try {
    await storeCommand(deps, request, command, now);
  } catch (error) {
    // A concurrent request with the same key was stored first. Return the result of that request.
    const winner = await findAccepted(deps.db, request);
    if (winner) return winner;
    if (command.preview?.messageId && sqlState(error) === sqlStates.uniqueViolation) throw idTaken();
    throw error;
  }
  const accepted = {
    commandId: command.id,
    messageId: command.messageId,
    runAt: request.runAt ?? null,
    repeated: false,
  };
  await request.onAccepted?.(accepted);
  if (!request.runAt) await enqueue(deps, request, command);
  return accepted;
}

function parseInput(definition: CommandDefinition, input: unknown): unknown {
  const parsed = definition.input.safeParse(input);
  if (parsed.success) return parsed.data;
  const details = parsed.error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`).join("; ");
  throw new AppError("invalid_request", details);
}

/** Throws if the command can't have these options, or if the caller wants no message that would wait. */
async function assertOptions(
  { db }: AcceptDeps,
  { instance, options, runAt }: AcceptRequest,
  { preview }: NewCommand,
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

/** A command that is about to be stored. */
interface NewCommand {
  id: string;
  definition: CommandDefinition;
  /** The input, as the schema returns it. */
  input: unknown;
  preview: MessagePreview | undefined;
  messageId: string | null;
}

function newCommand(
  ids: Ids,
  definition: CommandDefinition,
  input: unknown,
  preview: MessagePreview | undefined,
): NewCommand {
  const messageId = preview ? (preview.messageId ?? ids.messageId()) : null;
  return { id: ids.uuid(), definition, input, preview, messageId };
}

/** Whether the host stores a file in the bucket for the command. */
const storesFile = (name: CommandName) => name === "message.sendMedia" || name === "status.sendMedia";

/** Writes the command. A scheduled send counts toward a quota of the instance's owner. */
async function storeCommand(deps: AcceptDeps, request: AcceptRequest, command: NewCommand, now: Date): Promise<void> {
  if (!request.runAt) return await insertCommand(deps, deps.db.sql, request, command, now);
  await deps.db.sql.begin(async (sql) => {
    await takeQuota(deps, sql, request.instance.userId, { scheduledSends: 1 });
    await insertCommand(deps, sql, request, command, now);
  });
}

/**
 * Writes the command, its message and its key in one statement: this takes one round trip, and stores either everything
 * or nothing.
 */
async function insertCommand(
  { ids }: AcceptDeps,
  sql: postgres.ISql,
  request: AcceptRequest,
  { id, definition, input, preview, messageId }: NewCommand,
  now: Date,
): Promise<void> {
  const { instance, runAt, reply } = request;
  const startAt = runAt ?? now;
  const deadline = new Date(startAt.getTime() + (preview ? sendLifetimeMs : callLifetimeMs));
  // WhatsApp's timestamps are whole seconds. With milliseconds, our message would sort after a reply of the same
  // second.
  const sentAt = new Date(Math.floor(startAt.getTime() / 1000) * 1000);
  const key = request.idempotencyKey ?? null;
  // A number that is not on WhatsApp now may have joined when a scheduled message is due.
  const recipient = preview && !runAt ? preview.to : null;
  const accepted = await sql`
    with command as (
      insert into commands (id, instance_id, user_id, shard, name, kind, input, wa_id, status, run_at, correlation_id,
        request_id, reply_to, deadline, created_at, options)
      select ${id}::uuid, ${instance.id}::uuid, ${request.userId}::uuid, ${instance.shard}::int, ${definition.name}::text,
        ${definition.kind}::text, ${storableJson(input)}::text::jsonb, ${messageId}::text,
        ${runAt ? "scheduled" : "queued"}::text, ${runAt ?? null}::timestamptz, ${request.correlationId}::text,
        ${reply?.requestId ?? null}::text, ${reply?.queue ?? null}::text, ${deadline}::timestamptz, ${now}::timestamptz,
        ${request.options ? storableJson(request.options) : null}::text::jsonb
      where not exists (
        select from unknown_numbers where instance_id = ${instance.id} and jid = ${recipient}::text
          and checked_at > ${new Date(now.getTime() - absenceMs)}::timestamptz)
      returning id
    ), message as (
      insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, body, status, sent_at, created_at)
      select ${ids.uuid()}::uuid, ${instance.id}::uuid, ${messageId}::text, ${preview?.to ?? ""}::text, true,
        ${preview?.type ?? ""}::text, ${preview?.protoType ?? ""}::text, ${storableText(preview?.body ?? "")}::text, 'pending',
        ${sentAt}::timestamptz, ${now}::timestamptz
      from command where ${preview !== undefined}
    ), key as (
      insert into idempotency_keys (user_id, key, request_hash, command_id, created_at)
      select ${request.userId}::uuid, ${key}::text, ${hashOf(request)}::bytea, command.id, ${now}::timestamptz from command
      where ${key !== null}
    )
    select id from command`;
  if (accepted.length === 0) {
    throw new AppError("recipient_not_on_whatsapp", `${recipient?.split("@")[0]} is not on WhatsApp`);
  }
}

/**
 * Puts the command on its queue. If this process dies first, `functions/cron` puts the command on its queue. If the
 * queue refuses the command, the command fails and frees its key, so that the caller can safely try again. A command
 * that came over SQS stays, because its sender may already have the reply `accepted`. The session host finds that
 * command in the database.
 */
async function enqueue(deps: AcceptDeps, { instance, reply }: AcceptRequest, command: NewCommand): Promise<void> {
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
