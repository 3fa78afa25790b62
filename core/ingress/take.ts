import { assertPermission, type Caller } from "../caller.ts";
import { type AcceptRequest, acceptCommand } from "../command/accept.ts";
import { commandCatalog } from "../command/catalog/index.ts";
import { type Accepted, findAccepted } from "../command/idempotency.ts";
import { readResult } from "../command/result.ts";
import type { Config } from "../config.ts";
import { sqlState, sqlStates } from "../db/sql-state.ts";
import { AppError } from "../error.ts";
import type { Instance } from "../instance/index.ts";
import { loadInstance } from "../instance/store.ts";
import * as lifecycle from "../instance-management/lifecycle.ts";
import { assertStaged } from "../media/staged.ts";
import { count } from "../metric/index.ts";
import type { ForeignQueues } from "../queue/foreign.ts";
import type { Storage } from "../storage/index.ts";
import { callerOfMessage } from "./identity.ts";
import {
  errorOf,
  type IngressMessage,
  type IngressReply,
  type Readable,
  readable,
  readMessage,
  tryParse,
  unreadable,
} from "./message.ts";
import { sendReply } from "./outbox.ts";
import { allowedReplyQueue } from "./reply-queue.ts";

export interface IngressDeps extends lifecycle.LifecycleDeps {
  storage: Storage;
  foreignQueues: ForeignQueues;
  config: Pick<Config, "QUEUE_PREFIX" | "REPLY_QUEUES" | "INGRESS_SENDERS">;
}

/** A message of the ingress queue, as SQS gives it. */
export interface IngressRecord {
  /** SQS's own id of it, the same when it comes again. */
  messageId: string;
  body: string;
  groupId: string | undefined;
  senderId: string | undefined;
  /** The attribute `replyTo` of the message: can be read even when its body cannot. */
  replyTo: string | undefined;
}

/**
 * Takes the command in a message on, or rejects it, and tells its sender either way. Throws only for reasons of ours: then nothing
 * may be concluded and the message must come again. One that comes again, or a sender that repeats itself, is told how
 * the first one stands.
 */
export async function takeMessage(deps: IngressDeps, record: IngressRecord): Promise<"accepted" | "rejected"> {
  let known = unreadable;
  let queue: string | null = null;
  try {
    const parsed = tryParse(record.body);
    known = readable(parsed);
    queue = await allowedReplyQueue(deps.foreignQueues, deps.config, known.replyTo ?? record.replyTo);
    if (parsed === undefined) throw new AppError("malformed_json", "the message is not JSON");
    await accept(deps, record, readMessage(parsed), queue);
    count("IngressAccepted");
    return "accepted";
  } catch (error) {
    const refusal = refusalOf(error);
    if (!refusal) throw error;
    const { id, instanceId } = known;
    const { code, details } = refusal;
    deps.log.warn(
      { correlationId: record.messageId, requestId: id, instanceId, code, details, replied: queue !== null },
      "a message of the ingress queue was rejected",
    );
    await tell(deps, record, queue, { ...about(deps, record, known), status: "rejected", error: errorOf(refusal) });
    count("IngressRejected");
    return "rejected";
  }
}

/** What the sender is to blame for, or undefined when it is us. */
function refusalOf(error: unknown): AppError | undefined {
  // The instance was removed between our look at it and our write (foreign key violation).
  if (sqlState(error) === sqlStates.foreignKeyViolation)
    return new AppError("instance_not_found", undefined, { cause: error });
  if (!(error instanceof AppError) || error.code === "internal" || error.code === "unavailable") return undefined;
  // Senders know the field by its name here.
  const details = error.details?.replace(/^sendAt:/, "runAt:");
  return details === error.details ? error : new AppError(error.code, details, { cause: error });
}

async function accept(
  deps: IngressDeps,
  record: IngressRecord,
  message: IngressMessage,
  queue: string | null,
): Promise<void> {
  const caller = await callerOfMessage(deps, message.apiKey, record.senderId);
  assertPermission(caller, commandCatalog[message.command].kind === "query" ? "read" : "write");
  const tellAccepted = (shard: number) => async (accepted: Accepted) =>
    tell(
      deps,
      record,
      queue,
      {
        ...asked(deps, record, message),
        ...idsOf(accepted),
        status: "accepted",
        runAt: accepted.runAt?.toISOString() ?? null,
      },
      shard,
    );
  const input = inOrder(message.input);
  const request = {
    name: message.command,
    input,
    runAt: message.runAt === undefined ? undefined : new Date(message.runAt),
    // A tab is in no Idempotency-Key of REST: what was asked for there is never taken for this.
    idempotencyKey: `sqs\t${message.id}`,
    correlationId: record.messageId,
    reply: { requestId: message.id, queue },
  };
  // Before the instance is looked at: a repeat of `instance.delete` does not find it any more.
  const earlier = await findAccepted(deps.db, {
    ...request,
    userId: caller.userId,
    instance: { id: message.instanceId },
  });
  const instance = earlier ? undefined : await loadInstance(deps.db, caller, message.instanceId);
  const accepted =
    earlier ??
    (await start(deps, caller, {
      ...request,
      instance: instance as Instance,
      onAccepted: tellAccepted((instance as Instance).shard),
    }));
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
  if (accepted.repeated && queue !== null) await tellAgain(deps, record, message, accepted, queue, tellAccepted);
}

/** As REST does it: what changes an instance's life is more than its command. */
function start(deps: IngressDeps, caller: Caller, request: Omit<AcceptRequest, "userId">): Promise<Accepted> {
  const { instance, name, correlationId, idempotencyKey, reply, onAccepted } = request;
  const asking = { caller, correlationId, idempotencyKey, reply, onAccepted };
  switch (name) {
    case "instance.start":
      return lifecycle.enableInstance(deps, asking, instance);
    case "instance.restart":
      return lifecycle.restartInstance(deps, asking, instance);
    case "instance.stop":
      return lifecycle.disableInstance(deps, asking, instance);
    case "instance.logout":
      return lifecycle.logoutInstance(deps, asking, instance);
    case "instance.delete":
      return lifecycle.deleteInstance(deps, asking, instance);
    default:
      return acceptCommand(deps, {
        ...request,
        userId: caller.userId,
        check: () => checkFile(deps, instance.id, request.input),
      });
  }
}

/** Throws `media_not_usable` when the file that the command names is not there. */
async function checkFile(deps: IngressDeps, instanceId: string, input: unknown): Promise<void> {
  const { upload, media } = input as { upload?: unknown; media?: unknown };
  if (typeof upload === "string") await assertStaged(deps, instanceId, { upload });
  else if (typeof media === "string") await assertStaged(deps, instanceId, { media });
}

/** Of a request that was accepted before: what is still to come goes to the queue that is named now. */
async function tellAgain(
  deps: IngressDeps,
  record: IngressRecord,
  message: IngressMessage,
  accepted: Accepted,
  queue: string,
  tellAccepted: (shard: number) => (accepted: Accepted) => Promise<void>,
): Promise<void> {
  const [open] = await deps.db.sql<{ shard: number }[]>`
    update commands set reply_to = ${queue}
    where id = ${accepted.commandId} and status in ('scheduled', 'queued', 'claimed') returning shard`;
  if (open) return await tellAccepted(open.shard)(accepted);
  const result = await readResult(deps, accepted.commandId);
  if (result.status === "open") return;
  const answer = { ...asked(deps, record, message), ...idsOf(accepted) };
  await tell(
    deps,
    record,
    queue,
    result.status === "done"
      ? { ...answer, status: "done", output: result.output }
      : { ...answer, status: "failed", error: errorOf(result.error) },
  );
}

const idsOf = ({ commandId, messageId }: Accepted) => ({ commandId, messageId });

const about = (deps: IngressDeps, record: IngressRecord, { id, instanceId }: Pick<Readable, "id" | "instanceId">) => ({
  v: 1 as const,
  id,
  instanceId,
  at: deps.clock.now().toISOString(),
  correlationId: record.messageId,
});

const asked = (deps: IngressDeps, record: IngressRecord, { id, instanceId, command }: IngressMessage) => ({
  ...about(deps, record, { id, instanceId }),
  id,
  instanceId,
  command,
});

async function tell(
  deps: IngressDeps,
  record: IngressRecord,
  queue: string | null,
  reply: IngressReply,
  shard = 0,
): Promise<void> {
  if (queue === null) return;
  const groupId = reply.instanceId ?? record.groupId ?? record.messageId;
  // Of a message that comes again, SQS drops what it has been told within five minutes.
  const deduplicationId = `${record.messageId}:${reply.status}`;
  await sendReply(deps, { queue, groupId, deduplicationId, shard, reply });
}

/** A sender that writes the same request again may order its fields otherwise. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(fields.map(([name, part]) => [name, inOrder(part)]));
}
