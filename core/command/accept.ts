import type { Clock } from "../clock.ts";
import { sha256 } from "../crypto/index.ts";
import type { Database } from "../db/index.ts";
import { storableJson, storableText } from "../db/index.ts";
import { AppError } from "../error.ts";
import type { Ids } from "../id.ts";
import { assertSendable, type Instance } from "../instance/index.ts";
import type { Logger } from "../log.ts";
import { commandQueue, type Queues } from "../queue/index.ts";
import { type CommandName, commandCatalog } from "./catalog.ts";
import { commandMessage } from "./envelope.ts";

export interface AcceptDeps {
  db: Database;
  queues: Queues;
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
  /** Up to 255 characters, chosen by the caller. */
  idempotencyKey?: string | undefined;
  correlationId: string;
}

export interface Accepted {
  commandId: string;
  /** WhatsApp's id of the message, for a `send`. */
  messageId: string | null;
  /** True when this request had been accepted before under the same key. */
  repeated: boolean;
}

/** A send may wait this long for its instance to come back before it is given up. */
const sendPatienceMs = 24 * 60 * 60 * 1000;
/** The caller of a mutation or a query is gone by then: API Gateway answers for us after 30 s. */
const callPatienceMs = 60 * 1000;

/**
 * Takes a command on: one row that says what was asked, for a send the message as `pending`, and the queue. Answers once
 * both have it. Throws `AppError`: `invalid_request`, `instance_not_connected`, `idempotency_conflict`, `unavailable`.
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
  const requestHash = sha256(JSON.stringify([request.instance.id, request.name, request.input]));
  const earlier = await findRepeat(deps.db, request, requestHash);
  if (earlier) return earlier;
  const now = deps.clock.now();
  // WhatsApp stamps whole seconds: with milliseconds, ours would stand after an answer of the same second.
  const sentAt = new Date(Math.floor(now.getTime() / 1000) * 1000);
  if (!definition.offline) assertSendable(request.instance, now);

  const commandId = deps.ids.uuid();
  const messageId = definition.kind === "send" ? deps.ids.messageId() : null;
  const { instance } = request;
  const deadline = new Date(now.getTime() + (definition.kind === "send" ? sendPatienceMs : callPatienceMs));
  const message = messageId === null ? null : outgoing(request.name, parsed.data);
  const key = request.idempotencyKey ?? null;
  try {
    // One statement, so one way to the database and back: either all of it stands or nothing.
    await deps.db.sql`
      with command as (
        insert into commands (id, instance_id, user_id, shard, name, kind, input, wa_id, correlation_id, deadline, created_at)
        values (${commandId}, ${instance.id}, ${request.userId}, ${instance.shard}, ${definition.name}, ${definition.kind},
          ${storableJson(parsed.data)}::text::jsonb, ${messageId}, ${request.correlationId}, ${deadline}, ${now})
        returning id
      ), message as (
        insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, body, status, sent_at, created_at)
        select ${deps.ids.uuid()}::uuid, ${instance.id}::uuid, ${messageId}::text, ${message?.to ?? ""}::text, true,
          ${message?.type ?? ""}::text, ${message?.protoType ?? ""}::text, ${storableText(message?.body ?? "")}::text, 'pending',
          ${sentAt}::timestamptz, ${now}::timestamptz
        where ${message !== null}
      )
      insert into idempotency_keys (user_id, key, request_hash, command_id, created_at)
      select ${request.userId}::uuid, ${key}::text, ${requestHash}::bytea, command.id, ${now}::timestamptz from command
      where ${key !== null}`;
  } catch (error) {
    // Two requests with one key at once: the one that lost the race gets the winner's answer.
    const winner = await findRepeat(deps.db, request, requestHash);
    if (winner) return winner;
    throw error;
  }
  await enqueue(deps, { id: commandId, instanceId: instance.id, shard: instance.shard, kind: definition.kind });
  return { commandId, messageId, repeated: false };
}

async function findRepeat(db: Database, request: AcceptRequest, requestHash: Buffer): Promise<Accepted | undefined> {
  if (request.idempotencyKey === undefined) return undefined;
  const [row] = await db.sql<{ request_hash: Buffer; command_id: string; wa_id: string | null }[]>`
    select k.request_hash, k.command_id, c.wa_id from idempotency_keys k join commands c on c.id = k.command_id
    where k.user_id = ${request.userId} and k.key = ${request.idempotencyKey}`;
  if (!row) return undefined;
  if (!row.request_hash.equals(requestHash)) {
    throw new AppError("idempotency_conflict", "this Idempotency-Key was used with another request");
  }
  return { commandId: row.command_id, messageId: row.wa_id, repeated: true };
}

/**
 * If the queue refuses, the row is taken back and the caller told that nothing was done: it may safely try again.
 * Should this process die in between, `functions/cron` puts the row on the queue.
 */
async function enqueue(
  deps: AcceptDeps,
  command: { id: string; instanceId: string; shard: number; kind: string },
): Promise<void> {
  try {
    await deps.queues.send(commandQueue(command.shard), commandMessage(command));
  } catch (error) {
    deps.log.error({ err: error, commandId: command.id }, "the command queue refused a command");
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

/** How a message that was asked for stands in the history before WhatsApp has it. */
function outgoing(name: CommandName, input: unknown): { to: string; type: string; protoType: string; body: string } {
  const fields = input as { to: string; text?: string; caption?: string; kind?: string };
  if (name === "message.sendText") {
    return { to: fields.to, type: "text", protoType: "extendedTextMessage", body: fields.text ?? "" };
  }
  const type = fields.kind ?? "document";
  return { to: fields.to, type, protoType: `${type}Message`, body: fields.caption ?? "" };
}
