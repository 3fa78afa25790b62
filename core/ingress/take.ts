import { type AuditEntry, auditLogOf } from "../audit/log.ts";
import { assertInstance, assertPermission, assertScope, type Caller } from "../caller.ts";
import { type AcceptRequest, acceptCommand } from "../command/accept.ts";
import { commandCatalog } from "../command/catalog/index.ts";
import { type Accepted, findAccepted } from "../command/idempotency.ts";
import { readResult } from "../command/result.ts";
import { scopeOfCommand } from "../command/scope.ts";
import type { Config } from "../config.ts";
import { isRefusedValue, sqlState, sqlStates } from "../db/sql-state.ts";
import { AppError, type ErrorCode } from "../error.ts";
import type { Instance } from "../instance/index.ts";
import { loadInstance } from "../instance/store.ts";
import * as lifecycle from "../instance-management/lifecycle.ts";
import { changeSettings, type QueueConfig, settingsOf } from "../instance-management/update.ts";
import { readJson } from "../json.ts";
import { assertStaged } from "../media/staged.ts";
import { count } from "../metric/index.ts";
import type { ForeignQueues } from "../queue/foreign.ts";
import { optionsOf } from "../restriction/index.ts";
import type { Storage } from "../storage/index.ts";
import { declaredFields } from "../unknown-field.ts";
import { RefusedCredentials, recordKeyUse } from "../user/authenticate.ts";
import { assertKnownFields } from "../validate.ts";
import { callerOfMessage } from "./identity.ts";
import { errorOf, type IngressMessage, type IngressReply, readable, readMessage, unreadable } from "./message.ts";
import { sendReply } from "./outbox.ts";
import { allowedReplyQueue } from "./reply-queue.ts";

export interface IngressDeps extends lifecycle.LifecycleDeps {
  storage: Storage;
  foreignQueues: ForeignQueues;
  config: Pick<Config, "QUEUE_PREFIX" | "REPLY_QUEUES" | "INGRESS_SENDERS"> & QueueConfig;
}

/** A message of the ingress queue, as SQS delivers it. */
export interface IngressRecord {
  /** SQS's id of the message, the same for every delivery. */
  messageId: string;
  body: string;
  groupId: string | undefined;
  senderId: string | undefined;
  /** The attribute `replyTo` of the message, which can be read even if the body cannot. */
  replyTo: string | undefined;
}

/** A message, with the data that is needed to reply to its sender. */
interface Intake {
  deps: IngressDeps;
  record: IngressRecord;
  /** The queue for replies, if the sender wants any. */
  queue: string | null;
  /** Set as far as the message was read, for the audit log. */
  message?: IngressMessage;
  caller?: Caller;
  /** The owner of the instance. */
  owner?: string;
}

/**
 * Accepts or rejects the command in a message, and replies to its sender either way. Throws only for faults that the
 * sender did not cause, so that SQS delivers the message again. A repeated delivery, or a sender that repeats a
 * request, gets the state of the first request.
 */
export async function takeMessage(deps: IngressDeps, record: IngressRecord): Promise<"accepted" | "rejected"> {
  let known = unreadable;
  const intake: Intake = { deps, record, queue: null };
  try {
    const { value, error } = readJson(record.body, "message");
    known = readable(value);
    intake.queue = await allowedReplyQueue(deps.foreignQueues, deps.config, known.replyTo ?? record.replyTo);
    if (error) throw error;
    intake.message = readMessage(value);
    await accept(intake, intake.message);
    count("IngressAccepted");
    return "accepted";
  } catch (error) {
    const rejection = rejectionOf(error);
    if (!rejection) throw error;
    const { id, instanceId } = known;
    const { code, details } = rejection;
    deps.log.warn(
      { correlationId: record.messageId, requestId: id, instanceId, code, details, replied: intake.queue !== null },
      "a message of the ingress queue was rejected",
    );
    await audit(intake, { error, code });
    await reply(intake, { ...headerOf(intake, known), status: "rejected", error: errorOf(rejection) });
    count("IngressRejected");
    return "rejected";
  }
}

/** Errors after which SQS delivers the message again. Its id is its key, so a command that was stored stays the only one. */
const retried = new Set<ErrorCode>(["internal", "unavailable", "outcome_unknown"]);

/** Returns the error to reject a message with, or undefined for a fault that the sender did not cause. */
function rejectionOf(error: unknown): AppError | undefined {
  // The instance was removed between the check and the write.
  if (sqlState(error) === sqlStates.foreignKeyViolation) {
    return new AppError("instance_not_found", undefined, { cause: error });
  }
  if (isRefusedValue(error)) {
    return new AppError("invalid_request", "the message contains a value that can't be stored", { cause: error });
  }
  if (!(error instanceof AppError) || retried.has(error.code)) return undefined;
  // The field that REST calls `sendAt` is `runAt` in messages.
  const details = error.details?.replace(/^sendAt:/, "runAt:");
  return details === error.details ? error : new AppError(error.code, details, { cause: error });
}

async function accept(intake: Intake, message: IngressMessage): Promise<void> {
  const { deps, record, queue } = intake;
  const caller = await callerOfMessage(deps, message.apiKey, record.senderId);
  intake.caller = caller;
  await recordKeyUse(deps, caller, undefined);
  assertPermission(caller, commandCatalog[message.command].kind === "query" ? "read" : "write");
  assertScope(caller, scopeOfCommand(message.command));
  assertInstance(caller, message.instanceId.toLowerCase());
  const request = {
    name: message.command,
    input: sortFields(message.input),
    runAt: message.runAt === undefined ? undefined : new Date(message.runAt),
    options: optionsOf(message),
    // An Idempotency-Key of REST contains no tab, so the keys of REST and SQS never collide.
    idempotencyKey: `sqs\t${message.id}`,
    correlationId: record.messageId,
    reply: { requestId: message.id, queue },
  };
  const identity = { ...request, userId: caller.userId, instance: { id: message.instanceId } };
  // Checked before the instance is loaded, because a repeated `instance.delete` no longer finds the instance.
  const earlier = await findAccepted(deps.db, identity);
  const accepted = earlier ?? (await start(intake, message, caller, request));
  deps.log.info(
    {
      correlationId: record.messageId,
      requestId: message.id,
      userId: caller.userId,
      instanceId: message.instanceId,
      command: message.command,
      commandId: accepted.commandId,
      repeated: accepted.repeated,
    },
    "a message of the ingress queue was accepted",
  );
  if (accepted.repeated && queue !== null) await replyAgain(intake, message, accepted, queue);
}

/** Logs why a command that changes something was refused, if its sender is known. */
async function audit(intake: Intake, refused: { error: unknown; code: ErrorCode }): Promise<void> {
  const entry = auditEntry(intake, refused);
  if (entry) await auditLogOf(intake.deps).write(entry);
}

/** Returns the entry of the audit log about a command that changes something, if its sender is known. */
function auditEntry(
  { record, message, caller, owner }: Intake,
  refused?: { error: unknown; code: ErrorCode },
): AuditEntry | undefined {
  if (!message || commandCatalog[message.command].kind === "query") return undefined;
  const holder = refused?.error instanceof RefusedCredentials ? refused.error.holder : undefined;
  const userId = caller?.userId ?? holder?.userId;
  if (userId === undefined) return undefined;
  return {
    userId,
    keyId: caller?.key?.id ?? holder?.keyId ?? null,
    ip: null,
    source: "sqs",
    operation: message.command,
    ownerId: owner ?? userId,
    instanceId: owner ? message.instanceId : null,
    target: null,
    fields: declaredFields(commandCatalog[message.command].input, message.input),
    outcome: refused ? "refused" : "accepted",
    status: null,
    code: refused?.code ?? null,
    requestId: record.messageId,
  };
}

/** Accepts a command in the same way as REST. Commands that manage an instance also change its row. */
async function start(
  intake: Intake,
  message: IngressMessage,
  caller: Caller,
  request: Omit<AcceptRequest, "userId" | "instance">,
): Promise<Accepted> {
  const { deps } = intake;
  assertKnownFields(commandCatalog[message.command].input, message.input, { whole: "input", field: "field" });
  const instance = await loadInstance(deps.db, caller, message.instanceId);
  intake.owner = instance.userId;
  const onAccepted = (accepted: Accepted) => replyAccepted(intake, message, accepted, instance.shard);
  const { correlationId, idempotencyKey, reply: replyTo } = request;
  const entry = auditEntry(intake);
  const audit = entry && { entry };
  const origin = { caller, correlationId, idempotencyKey, reply: replyTo, onAccepted, audit };
  switch (request.name) {
    case "instance.start":
      return await lifecycle.enableInstance(deps, origin, instance);
    case "instance.restart":
      return await lifecycle.restartInstance(deps, origin, instance);
    case "instance.stop":
      return await lifecycle.disableInstance(deps, origin, instance);
    case "instance.logout":
      return await lifecycle.logoutInstance(deps, origin, instance);
    case "instance.delete":
      return await lifecycle.deleteInstance(deps, origin, instance);
    default:
      return await acceptCommand(deps, {
        ...request,
        userId: caller.userId,
        instance,
        onAccepted,
        audit,
        check: () => prepare(intake, caller, instance, request),
      });
  }
}

/**
 * Does what must precede the command. Changed settings are stored before the command, which makes the session use them: if
 * this process dies in between, SQS delivers the message again, and the settings are stored again.
 */
async function prepare(
  { deps }: Intake,
  caller: Caller,
  instance: Instance,
  { name, input }: Pick<AcceptRequest, "name" | "input">,
): Promise<void> {
  if (name !== "instance.updateSettings") return await checkFile(deps, instance.id, input);
  const changes = commandCatalog[name].input.parse(input);
  await changeSettings(deps, caller, instance, settingsOf(changes, instance));
}

/** Throws `media_not_usable` if the file that the command names does not exist. */
async function checkFile(deps: IngressDeps, instanceId: string, input: unknown): Promise<void> {
  const { upload, media } = input as { upload?: unknown; media?: unknown };
  if (typeof upload === "string") await assertStaged(deps, instanceId, { upload });
  else if (typeof media === "string") await assertStaged(deps, instanceId, { media });
}

/** Replies to a repeated request. Later replies go to the queue that it names. */
async function replyAgain(intake: Intake, message: IngressMessage, accepted: Accepted, queue: string): Promise<void> {
  const [open] = await intake.deps.db.sql<{ shard: number }[]>`
    update commands set reply_to = ${queue}
    where id = ${accepted.commandId} and status in ('scheduled', 'queued', 'claimed') returning shard`;
  if (open) return await replyAccepted(intake, message, accepted, open.shard);
  const result = await readResult(intake.deps, accepted.commandId);
  if (result.status === "open") return;
  const header = acceptedHeader(intake, message, accepted);
  if (result.status === "done") await reply(intake, { ...header, status: "done", output: result.output });
  else await reply(intake, { ...header, status: "failed", error: errorOf(result.error) });
}

function replyAccepted(intake: Intake, message: IngressMessage, accepted: Accepted, shard: number): Promise<void> {
  const runAt = accepted.runAt?.toISOString() ?? null;
  return reply(intake, { ...acceptedHeader(intake, message, accepted), status: "accepted", runAt }, shard);
}

/** The fields of every reply. */
const headerOf = ({ deps, record }: Intake, { id, instanceId }: { id: string | null; instanceId: string | null }) => ({
  v: 1 as const,
  id,
  instanceId,
  at: deps.clock.now().toISOString(),
  correlationId: record.messageId,
});

/** The fields of every reply to an accepted command. */
const acceptedHeader = (intake: Intake, message: IngressMessage, { commandId, messageId }: Accepted) => {
  const { id, instanceId, command } = message;
  return { ...headerOf(intake, message), id, instanceId, command, commandId, messageId };
};

async function reply({ deps, record, queue }: Intake, content: IngressReply, shard = 0): Promise<void> {
  if (queue === null) return;
  const groupId = content.instanceId ?? record.groupId ?? record.messageId;
  // For a repeated delivery, SQS drops the replies that it got within five minutes.
  const deduplicationId = `${record.messageId}:${content.status}`;
  await sendReply(deps, { queue, groupId, deduplicationId, shard, reply: content });
}

/** Sorts the fields of objects: a sender that repeats a request may write its fields in another order. */
function sortFields(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortFields);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, part]) => [name, sortFields(part)]));
}
