import type postgres from "postgres";
import { type AuditEntry, entryColumns, entryFields, entryTypes } from "../audit/log.ts";
import { absenceMs } from "../contact/index.ts";
import { storableJson } from "../db/index.ts";
import { isEnabled } from "../instance/enabled-user.ts";
import type { SendOptions } from "../restriction/index.ts";
import { firstCallLane } from "../usage/lane.ts";
import type { CommandDefinition, MessagePreview } from "./catalog/define.ts";
import type { HandedCommand, Reservation } from "./hand-over.ts";

/** The message of a send that is about to be stored. */
interface NewMessage {
  id: string;
  /** WhatsApp's id of the message. */
  waId: string;
  preview: MessagePreview;
  /** Shown in the history. */
  sentAt: Date;
}

/** A command that is about to be stored. */
export interface NewCommand {
  id: string;
  definition: Pick<CommandDefinition, "name" | "kind">;
  /** The input, as the schema returns it. */
  input: unknown;
  instance: { id: string; shard: number };
  userId: string;
  /** For a send. */
  message: NewMessage | undefined;
  options: SendOptions | undefined;
  runAt: Date | undefined;
  acceptedAt: Date;
  deadline: Date;
  correlationId: string;
  reply: { requestId: string; queue: string | null } | undefined;
  idempotency: { key: string; hash: Buffer } | undefined;
  /** The entry of the audit log about the request. With it, a request without `reply` also counts as a call of the API. */
  audit?: AuditEntry | undefined;
}

/**
 * The result of storing a command. Nothing was stored if it is `absent` (the recipient is not on WhatsApp) or `repeated`
 * (another request used the Idempotency-Key first). `stored`: no host has claimed the command yet. Otherwise, the command,
 * which is claimed for the host of the reservation.
 */
export type Stored = "absent" | "repeated" | "stored" | HandedCommand;

interface StoredRow {
  id: string;
  status: "queued" | "scheduled" | "claimed" | "repeated";
  position: number | null;
}

/** A command, and the right to claim it for a host of this process. */
export type StorableCommand = NewCommand & { reservation?: Reservation | undefined };

/** A command as the statement gets it. */
export interface RequestRow {
  id: string;
  acceptedAt: Date;
  /** JSON of a `Request`. */
  json: string;
  /** JSON of the arguments of the SQL function `fence`, for a command with a reservation. */
  fence: string | undefined;
}

export const requestRow = (command: StorableCommand): RequestRow => ({
  id: command.id,
  acceptedAt: command.acceptedAt,
  json: storableJson(requestOf(command)),
  fence: command.reservation && fenceOf(command.reservation),
});

const fenceOf = ({ host, grant: { shard, epoch } }: Reservation) => JSON.stringify({ host, shard, epoch });

interface StoreOptions {
  /** How long the statement waits for a lock. Default: the setting of the connection. */
  lockWaitMs?: number;
  /** The lane of `usage` in which the calls are counted. */
  lane?: number;
  /** Waits for the answer. */
  answer?: (query: postgres.PendingQuery<StoredRow[]>) => Promise<StoredRow[]>;
}

/**
 * Stores commands with their messages and keys in one statement, together with the entries of the audit log and the calls
 * of their requests: this takes one round trip, and stores either everything or nothing. A command with a reservation is
 * also claimed, unless its user was disabled, or an earlier command of its instance still waits to be claimed and must run
 * first. Throws `leaseLost` if the host of a reservation no longer holds its shard, and `lockNotAvailable` if a row stays
 * locked for `lockWaitMs`.
 */
export async function storeRows(
  sql: postgres.ISql,
  requests: readonly RequestRow[],
  { lockWaitMs, lane = firstCallLane, answer = (query) => query }: StoreOptions = {},
): Promise<Stored[]> {
  const fences = new Set(requests.flatMap(({ fence }) => fence ?? []));
  const lockTimeout = lockWaitMs === undefined ? null : `${lockWaitMs}ms`;
  const query = sql<StoredRow[]>`
    with held as materialized (
      select fence(shard, host, epoch)
      from jsonb_to_recordset(${`[${[...fences].join()}]`}::text::jsonb) as t(shard int, host text, epoch bigint)
    ), start as materialized (
      select nextval('command_position') as position where (select count(*) from held) > 0
    ), request as materialized (
      select t.*, t.ordinality as ord from rows from (
        jsonb_to_recordset(${`[${requests.map(({ json }) => json).join()}]`}::text::jsonb) as (id uuid, instance_id uuid,
          user_id uuid, shard int, name text, kind text, input jsonb, wa_id text, run_at timestamptz, correlation_id text,
          request_id text, reply_to text, deadline timestamptz, created_at timestamptz, options jsonb, reserved boolean,
          message_id uuid, chat_id text, type text, proto_type text, body text, sent_at timestamptz, recipient text,
          key text, hash text, audit jsonb)
      ) with ordinality as t, (
        select set_config('lock_timeout', coalesce(${lockTimeout}::text, current_setting('lock_timeout')), true)) as limited
    ), decided as materialized (
      select r.*, case
          when run_at is not null then 'scheduled'
          -- The order makes Postgres read one row of commands_queued_of_instance. Without it, or with NOT EXISTS, Postgres may
          -- scan the table if other instances have many queued commands.
          when reserved and ${isEnabled(sql, sql`r.user_id`)} and (kind = 'query' or (
            select true from commands e where e.instance_id = r.instance_id and e.status = 'queued'
            order by e.created_at limit 1) is null)
          then 'claimed' else 'queued' end as status
      from request r where not exists (
        select from unknown_numbers u where u.instance_id = r.instance_id and u.jid = r.recipient
          and u.checked_at > r.created_at - ${absenceMs} * interval '1 ms')
    ), key as (
      -- A key that another request used first, including one in this statement, is not returned.
      insert into idempotency_keys (user_id, key, request_hash, command_id, created_at)
      select user_id, key, decode(hash, 'hex'), id, created_at from decided where key is not null
      order by user_id, key, ord
      on conflict (user_id, key) do nothing returning command_id
    ), fresh as materialized (
      select * from decided where key is null or id in (select command_id from key)
    ), command as (
      insert into commands (id, instance_id, user_id, shard, name, kind, input, wa_id, status, position, run_at,
        correlation_id, request_id, reply_to, deadline, created_at, options)
      select id, instance_id, user_id, shard, name, kind, input, wa_id, status,
        case when status = 'claimed' then (select position from start) + ord end, run_at, correlation_id, request_id,
        reply_to, deadline, created_at, options
      from fresh order by ord
      returning id, status, position
    ), message as (
      insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, body, status, sent_at, created_at)
      select message_id, instance_id, wa_id, chat_id, true, type, proto_type, body, 'pending', sent_at, created_at
      from fresh where message_id is not null order by ord
    ), entry as (
      insert into audit_log (at, ${entryColumns(sql)})
      select at, ${entryFields(sql)} from (select created_at as at, audit, ord from fresh) f,
        jsonb_to_record(f.audit) as a(${entryTypes(sql)})
      where f.audit is not null order by ord
    ), call as (
      -- Ordered by key, so that two processes in the same lane wait for each other instead of deadlocking. Commands that came
      -- over SQS, which have a request_id, are no calls.
      insert into usage (user_id, instance_id, slot, lane, api_calls)
      select user_id, instance_id, date_bin('15 minutes', created_at, timestamptz '2000-01-01Z'), ${lane}::smallint, count(*)
      from fresh where audit is not null and request_id is null
      group by 1, 2, 3 order by 1, 3, 2
      on conflict (user_id, slot, instance_id, lane) do update set api_calls = usage.api_calls + excluded.api_calls
    )
    select id, status, position::float8 as position from command
    union all select id, 'repeated', null from decided where key is not null and id not in (select command_id from key)`;
  const rows = await answer(query);
  const byId = new Map(rows.map((row) => [row.id, row]));
  return requests.map((request) => {
    const row = byId.get(request.id);
    if (!row) return "absent";
    if (row.status === "repeated") return "repeated";
    return row.position === null ? "stored" : handed(JSON.parse(request.json) as Request, row.position, request);
  });
}

/** A command as the database reads it. */
type Request = ReturnType<typeof requestOf>;

function requestOf(command: StorableCommand) {
  const { id, instance, userId, definition, input, options, runAt, correlationId, reply, message } = command;
  return {
    id,
    instance_id: instance.id,
    user_id: userId,
    shard: instance.shard,
    name: definition.name,
    kind: definition.kind,
    input,
    options: options ?? null,
    run_at: runAt ?? null,
    correlation_id: correlationId,
    request_id: reply?.requestId ?? null,
    reply_to: reply?.queue ?? null,
    deadline: command.deadline,
    created_at: command.acceptedAt,
    reserved: command.reservation !== undefined,
    ...(message ? messageOf(message, command) : { wa_id: null, chat_id: null }),
    key: command.idempotency?.key ?? null,
    hash: command.idempotency?.hash.toString("hex") ?? null,
    ...(command.audit && { audit: command.audit }),
  };
}

function messageOf({ id, waId, preview, sentAt }: NewMessage, { runAt }: NewCommand) {
  return {
    message_id: id,
    wa_id: waId,
    chat_id: preview.to,
    type: preview.type,
    proto_type: preview.protoType,
    body: preview.body,
    sent_at: sentAt,
    // A number that is not on WhatsApp now may have joined when a scheduled message is due.
    recipient: runAt ? null : preview.to,
  };
}

const handed = (stored: Request, position: number, { acceptedAt }: RequestRow): HandedCommand => ({
  id: stored.id,
  instanceId: stored.instance_id,
  userId: stored.user_id,
  name: stored.name,
  input: stored.input,
  waId: stored.wa_id,
  chatId: stored.chat_id,
  position,
  deadline: new Date(stored.deadline),
  acceptedAt,
  correlationId: stored.correlation_id,
  options: stored.options,
});
