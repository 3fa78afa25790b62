import type postgres from "postgres";
import { sendLifetimeMs } from "../command/accept.ts";
import type { MessagePreview } from "../command/catalog/define.ts";
import type { CommandName } from "../command/catalog/index.ts";
import { type Database, storableJson } from "../db/index.ts";
import { sqlState, sqlStates } from "../db/sql-state.ts";
import type { Instance } from "../instance/index.ts";
import { type QuotaDeps, takeQuota } from "../quota/index.ts";
import type { SendOptions } from "../restriction/index.ts";
import type { Planned, Rejected } from "./plan.ts";

/** A bulk that is about to be stored. */
export interface NewBulk {
  id: string;
  userId: string;
  instance: Instance;
  command: CommandName;
  correlationId: string;
  perMinute: number;
  options: SendOptions | undefined;
  startAt: Date;
  createdAt: Date;
  rejected: readonly Rejected[];
  messages: readonly NewBulkMessage[];
  key: { key: string; requestHash: Buffer } | undefined;
}

export interface NewBulkMessage extends Planned, MessagePreview {
  commandId: string;
  /** Id of the row in `messages`. */
  rowId: string;
  waId: string;
}

const rowsPerStatement = 2_000;
/** UTF-16 code units of all texts in a statement. Serializing them to JSON blocks the process. */
const textPerStatement = 1_000_000;

/**
 * Writes a bulk with its commands, its messages and its key in one transaction. Throws `quota_exceeded` if the owner of
 * the instance has too many unfinished bulks.
 */
export async function insertBulk(deps: QuotaDeps & { db: Database }, bulk: NewBulk): Promise<void> {
  const { id, userId, instance, perMinute, messages, rejected, startAt, createdAt, key } = bulk;
  // The insert locks the chats' day counts in the order of its rows, so concurrent bulks wait instead of deadlocking.
  const rows = messages.toSorted((a, b) => (a.to < b.to ? -1 : 1));
  await retryDeadlock(() =>
    deps.db.sql.begin(async (transaction) => {
      await takeQuota(deps, transaction, instance.userId, { openBulks: 1 });
      await transaction`
        insert into bulks (id, instance_id, user_id, shard, per_minute, total, rejected, start_at, created_at)
        values (${id}, ${instance.id}, ${userId}, ${instance.shard}, ${perMinute}, ${rows.length},
          ${storableJson(rejected)}::text::jsonb, ${startAt}, ${createdAt})`;
      for (const group of statementsOf(rows)) await insertMessages(transaction, bulk, group);
      if (!key) return;
      await transaction`
        insert into idempotency_keys (user_id, key, request_hash, command_id, created_at)
        values (${userId}, ${key.key}, ${key.requestHash}, ${rows[0]?.commandId ?? ""}, ${createdAt})`;
    }),
  );
}

function* statementsOf(rows: readonly NewBulkMessage[]): Generator<NewBulkMessage[]> {
  let group: NewBulkMessage[] = [];
  let length = 0;
  for (const row of rows) {
    if (group.length === rowsPerStatement || (group.length > 0 && length + row.body.length > textPerStatement)) {
      yield group;
      group = [];
      length = 0;
    }
    group.push(row);
    length += row.body.length;
  }
  if (group.length > 0) yield group;
}

async function insertMessages(sql: postgres.ISql, bulk: NewBulk, rows: readonly NewBulkMessage[]): Promise<void> {
  const { id, userId, instance, command, correlationId, startAt, createdAt } = bulk;
  const options = bulk.options ? storableJson(bulk.options) : null;
  const deadline = new Date(startAt.getTime() + sendLifetimeMs);
  // Until a message is sent, its time is the time of the request, in whole seconds like WhatsApp's timestamps.
  const sentAt = new Date(Math.floor(createdAt.getTime() / 1000) * 1000);
  await sql`
    with row as materialized (
      select * from jsonb_to_recordset(${storableJson(rows)}::text::jsonb) as t("commandId" uuid, "rowId" uuid, "waId" text,
        index int, input jsonb, "to" text, type text, "protoType" text, body text)
    ), command as (
      insert into commands (id, instance_id, user_id, shard, name, kind, input, wa_id, status, bulk_id, bulk_index,
        correlation_id, deadline, created_at, options)
      select "commandId", ${instance.id}::uuid, ${userId}::uuid, ${instance.shard}::int, ${command}::text, 'send', input, "waId",
        'scheduled', ${id}::uuid, index, ${correlationId}::text, ${deadline}::timestamptz, ${createdAt}::timestamptz,
        ${options}::text::jsonb
      from row
    )
    insert into messages (id, instance_id, wa_id, chat_id, from_me, type, proto_type, body, status, sent_at, created_at)
    select "rowId", ${instance.id}::uuid, "waId", "to", true, type, "protoType", body, 'pending', ${sentAt}::timestamptz,
      ${createdAt}::timestamptz
    from row`;
}

/**
 * Retries up to twice after a deadlock. The session host takes the same locks in the order in which WhatsApp sends
 * messages.
 */
async function retryDeadlock<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (sqlState(error) !== sqlStates.deadlock || attempt === 3) throw error;
    }
  }
}
