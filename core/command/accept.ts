import type { Clock } from "../clock.ts";
import { absenceMs } from "../contact/index.ts";
import { sha256 } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import { storableJson, storableText } from "../db/index.ts";
import { sqlState, sqlStates } from "../db/sql-state.ts";
import { AppError } from "../error.ts";
import type { Ids } from "../id.ts";
import { assertSendable, type Instance } from "../instance/index.ts";
import type { Logger } from "../log.ts";
import { assertQuotable } from "../message/find.ts";
import { type Forwarded, findForwardable } from "../message/forward.ts";
import { assertPostable, idTaken, type PostRequest, statusChat } from "../message/status.ts";
import type { Queues } from "../queue/index.ts";
import { commandQueue } from "../queue/name.ts";
import { type CommandInput, type CommandName, commandCatalog } from "./catalog/index.ts";
import { commandMessage } from "./envelope.ts";
import { assertLinked, assertRunAt } from "./schedule.ts";

export interface AcceptDeps {
  db: Database;
  queues: Pick<Queues, "send">;
  clock: Clock;
  ids: Ids;
  log: Logger;
}

export interface AcceptRequest {
  userId: string;
  instance: Instance;
  name: CommandName;
  /** Checked here against the command's schema. */
  input: unknown;
  /** Of a send: not before this. Then nothing goes to the queue, and the session host takes it when it is due. */
  runAt?: Date | undefined;
  /** What else must hold; a request that was accepted before is not asked again. Throws what the caller is told. */
  check?: (() => Promise<void>) | undefined;
  /** Up to 255 characters, chosen by the caller. */
  idempotencyKey?: string | undefined;
  correlationId: string;
  /** Of one that came over SQS: under which id its sender knows it, and the queue that its end is told to, see `core/ingress`. */
  reply?: { requestId: string; queue: string | null } | undefined;
  /** Told when the row stands and nothing can have come of it yet; not of a request that was accepted before. */
  onAccepted?: ((accepted: Accepted) => Promise<void>) | undefined;
}

export interface Accepted {
  commandId: string;
  /** WhatsApp's id of the message, for a `send`. */
  messageId: string | null;
  /** When it is due, if it was asked for later. */
  runAt: Date | null;
  /** True when this request had been accepted before under the same key. */
  repeated: boolean;
}

/** A send may wait this long for its instance to come back before it is given up. */
export const sendPatienceMs = 24 * 60 * 60 * 1000;
/** The caller of a mutation or a query is gone by then: API Gateway answers for us after 30 s. */
const callPatienceMs = 60 * 1000;

/**
 * Takes a command on: one row that says what was asked, for a send the message as `pending`, and the queue. Answers once
 * both have it; one for later has no need of the queue. Throws `AppError`: `invalid_request`, `instance_not_connected`,
 * `recipient_not_on_whatsapp` (of one that WhatsApp was asked for lately), `message_not_found` (of what is quoted), `conflict` (of a status that nobody would see), `idempotency_conflict`, `unavailable`.
 */
export async function acceptCommand(deps: AcceptDeps, request: AcceptRequest): Promise<Accepted> {
  const definition = commandCatalog[request.name];
  const parsed = definition.input.safeParse(request.input);
  if (!parsed.success) {
    const details = parsed.error.issues
      .map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`)
      .join("; ");
    throw new AppError("invalid_request", details);
  }
  const { runAt } = request;
  const requestHash = hashOf(request);
  const earlier = await findRepeat(deps.db, request, requestHash);
  if (earlier) return earlier;
  const now = deps.clock.now();
  const startAt = runAt ?? now;
  // WhatsApp stamps whole seconds: with milliseconds, ours would stand after an answer of the same second.
  const sentAt = new Date(Math.floor(startAt.getTime() / 1000) * 1000);
  if (runAt) {
    if (definition.kind !== "send") throw new AppError("invalid_request", "sendAt: only messages can be sent later");
    assertRunAt(runAt, now);
    assertLinked(request.instance);
  } else if (!definition.offline) assertSendable(request.instance, now);
  const { to, quoted } = parsed.data as { to?: string; quoted?: string };
  if (to !== undefined && quoted !== undefined) await assertQuotable(deps.db, request.instance.id, quoted, to);
  const forwarded =
    request.name === "message.forward"
      ? await findForwardable(deps.db, request.instance.id, parsed.data as CommandInput<"message.forward">)
      : undefined;
  const post = request.name.startsWith("status.send") ? (parsed.data as PostRequest) : undefined;
  if (post) await assertPostable(deps.db, request.instance.id, post);
  await request.check?.();

  const commandId = deps.ids.uuid();
  const messageId = definition.kind === "send" ? (post?.id ?? deps.ids.messageId()) : null;
  const { instance } = request;
  const deadline = new Date(startAt.getTime() + (definition.kind === "send" ? sendPatienceMs : callPatienceMs));
  const message = messageId === null ? null : outgoing(request.name, parsed.data, forwarded);
  const key = request.idempotencyKey ?? null;
  // Who is not there now may be there later.
  const absentee = message && !runAt ? message.to : null;
  try {
    // One statement, so one way to the database and back: either all of it stands or nothing.
    const accepted = await deps.db.sql`
      with command as (
        insert into commands (id, instance_id, user_id, shard, name, kind, input, wa_id, status, run_at, correlation_id,
          request_id, reply_to, deadline, created_at)
        select ${commandId}::uuid, ${instance.id}::uuid, ${request.userId}::uuid, ${instance.shard}::int, ${definition.name}::text,
          ${definition.kind}::text, ${storableJson(parsed.data)}::text::jsonb, ${messageId}::text,
          ${runAt ? "scheduled" : "queued"}::text, ${runAt ?? null}::timestamptz, ${request.correlationId}::text,
          ${request.reply?.requestId ?? null}::text, ${request.reply?.queue ?? null}::text, ${deadline}::timestamptz, ${now}::timestamptz
        where not exists (
          select from unknown_numbers where instance_id = ${instance.id} and jid = ${absentee}::text
            and checked_at > ${new Date(now.getTime() - absenceMs)}::timestamptz)
        returning id
      ), message as (
        insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, body, status, sent_at, created_at)
        select ${deps.ids.uuid()}::uuid, ${instance.id}::uuid, ${messageId}::text, ${message?.to ?? ""}::text, true,
          ${message?.type ?? ""}::text, ${message?.protoType ?? ""}::text, ${storableText(message?.body ?? "")}::text, 'pending',
          ${sentAt}::timestamptz, ${now}::timestamptz
        from command where ${message !== null}
      ), key as (
        insert into idempotency_keys (user_id, key, request_hash, command_id, created_at)
        select ${request.userId}::uuid, ${key}::text, ${requestHash}::bytea, command.id, ${now}::timestamptz from command
        where ${key !== null}
      )
      select id from command`;
    if (accepted.length === 0) {
      throw new AppError("recipient_not_on_whatsapp", `${absentee?.split("@")[0]} is not on WhatsApp`);
    }
  } catch (error) {
    // Two requests with one key at once: the one that lost the race gets the winner's answer.
    const winner = await findRepeat(deps.db, request, requestHash);
    if (winner) return winner;
    if (post?.id && sqlState(error) === sqlStates.uniqueViolation) throw idTaken();
    throw error;
  }
  const accepted = { commandId, messageId, runAt: runAt ?? null, repeated: false };
  await request.onAccepted?.(accepted);
  const queued = { id: commandId, instanceId: instance.id, shard: instance.shard, kind: definition.kind };
  if (!runAt) await enqueue(deps, queued, request.reply !== undefined);
  return accepted;
}

/** What was accepted before under the same key. Throws `idempotency_conflict` when that was another request. */
export function findAccepted(
  db: Database,
  request: Pick<AcceptRequest, "userId" | "name" | "input" | "runAt" | "idempotencyKey"> & { instance: { id: string } },
): Promise<Accepted | undefined> {
  return findRepeat(db, request, hashOf(request));
}

const hashOf = ({ instance, name, input, runAt }: Parameters<typeof findAccepted>[1]): Buffer =>
  sha256(JSON.stringify([instance.id, name, input, ...(runAt ? [runAt.toISOString()] : [])]));

async function findRepeat(
  db: Database,
  request: Pick<AcceptRequest, "userId" | "idempotencyKey">,
  requestHash: Buffer,
): Promise<Accepted | undefined> {
  if (request.idempotencyKey === undefined) return undefined;
  const row = await findKey(db, request.userId, request.idempotencyKey, requestHash);
  return row && { commandId: row.commandId, messageId: row.waId, runAt: row.runAt, repeated: true };
}

/**
 * What was accepted under this key before: a command, or the first of a bulk. Throws `idempotency_conflict` when that was
 * another request.
 */
export async function findKey(
  db: Database,
  userId: string,
  key: string,
  requestHash: Buffer,
): Promise<{ commandId: string; waId: string | null; runAt: Date | null; bulkId: string | null } | undefined> {
  const [row] = await db.sql<
    { requestHash: Buffer; commandId: string; waId: string | null; runAt: Date | null; bulkId: string | null }[]
  >`
    select k.request_hash as "requestHash", k.command_id as "commandId", c.wa_id as "waId", c.run_at as "runAt",
      c.bulk_id as "bulkId"
    from idempotency_keys k join commands c on c.id = k.command_id
    where k.user_id = ${userId} and k.key = ${key}`;
  if (!row) return undefined;
  if (row.requestHash.equals(requestHash)) return row;
  throw new AppError("idempotency_conflict", "this Idempotency-Key was used with another request");
}

/**
 * If the queue refuses, the row is taken back and the caller told that nothing was done: it may safely try again.
 * Should this process die in between, `functions/cron` puts the row on the queue. Whoever waits at a queue of their own
 * has been told that it is accepted (`kept`): then it stays, and the host finds it.
 */
async function enqueue(
  deps: AcceptDeps,
  command: { id: string; instanceId: string; shard: number; kind: string },
  kept: boolean,
): Promise<void> {
  try {
    await deps.queues.send(commandQueue(command.shard), commandMessage(command));
  } catch (error) {
    deps.log.error({ err: error, commandId: command.id }, "the command queue refused a command");
    if (kept) return;
    const taken = await deps.db.sql.begin(async (sql) => {
      const rows = await sql<{ wa_id: string | null }[]>`
        update commands set status = 'failed', error_code = 'unavailable', finished_at = ${deps.clock.now()}
        where id = ${command.id} and status = 'queued' returning wa_id`;
      const waId = rows[0]?.wa_id;
      if (waId) {
        await sql`
          update messages set status = 'failed', error = 'unavailable'
          where instance_id = ${command.instanceId} and wa_id = ${waId} and from_me and status = 'pending'`;
      }
      await sql`delete from idempotency_keys where command_id = ${command.id} and ${rows.length > 0}`;
      return rows.length > 0;
    });
    // A row that is no longer queued reached the host after all: only the queue's answer was lost.
    if (taken) throw new AppError("unavailable", "the queue is not available", { cause: error });
  }
}

/** How a message that was asked for stands in the history before WhatsApp has it; of a forwarded one its original says that. */
export function outgoing(
  name: CommandName,
  input: unknown,
  forwarded?: Forwarded,
): { to: string; type: string; protoType: string; body: string } {
  const { to } = input as { to: string };
  switch (name) {
    case "message.sendText":
      return { to, type: "text", protoType: "extendedTextMessage", body: (input as CommandInput<typeof name>).text };
    case "message.sendLink":
      return { to, type: "text", protoType: "extendedTextMessage", body: (input as CommandInput<typeof name>).url };
    case "message.sendLocation": {
      const { name: place } = input as CommandInput<typeof name>;
      return { to, type: "location", protoType: "locationMessage", body: place ?? "" };
    }
    case "message.sendContact": {
      const { contacts } = input as CommandInput<typeof name>;
      const [first, ...others] = contacts;
      const protoType = others.length > 0 ? "contactsArrayMessage" : "contactMessage";
      return { to, type: "contact", protoType, body: others.length > 0 ? "" : (first?.displayName ?? "") };
    }
    case "message.sendPoll": {
      const { question, selectableCount } = input as CommandInput<typeof name>;
      const protoType = selectableCount === 1 ? "pollCreationMessageV3" : "pollCreationMessage";
      return { to, type: "poll", protoType, body: question };
    }
    case "message.sendEvent":
      return { to, type: "event", protoType: "eventMessage", body: (input as CommandInput<typeof name>).name };
    case "status.sendText":
      return { to: statusChat, type: "text", protoType: "extendedTextMessage", body: (input as { text: string }).text };
    case "status.sendMedia": {
      const { kind, caption } = input as CommandInput<typeof name>;
      return { to: statusChat, type: kind, protoType: `${kind}Message`, body: caption ?? "" };
    }
    case "message.forward":
      return {
        to,
        type: forwarded?.type ?? "text",
        protoType: forwarded?.protoType ?? "extendedTextMessage",
        body: forwarded?.body ?? "",
      };
    default: {
      const { kind, voice, caption } = input as CommandInput<"message.sendMedia">;
      const type = kind ?? (voice ? "audio" : "document");
      return { to, type, protoType: `${type}Message`, body: caption ?? "" };
    }
  }
}
