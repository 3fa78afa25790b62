import type postgres from "postgres";
import { sealedOutput } from "../../core/command/result.ts";
import { recordContacts, recordNumbers } from "../../core/contact/record.ts";
import type { Vault } from "../../core/crypto/index.ts";
import { storableJson, storableText } from "../../core/db/index.ts";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import type { Ids } from "../../core/id.ts";
import { contextForEvent, type MessageContext } from "../../core/message/context.ts";
import { type Change, type InstanceFields, keyPlace, maxEventBody, type Revision, serializeKey } from "./change.ts";

/** A change as it waits to be written. */
export interface Recorded {
  instanceId: string;
  change: Change;
  at: Date;
}

export async function writeKeys(sql: postgres.TransactionSql, batch: readonly Recorded[], vault: Vault): Promise<void> {
  const newest = new Map<string, { instanceId: string; type: string; id: string; value: unknown }>();
  for (const { instanceId, change } of batch) {
    for (const key of change.keys ?? []) newest.set(`${instanceId} ${key.type} ${key.id}`, { instanceId, ...key });
  }
  if (newest.size === 0) return;
  const kept = [...newest.values()].filter((key) => key.value !== null && key.value !== undefined);
  const gone = [...newest.values()].filter((key) => key.value === null || key.value === undefined);
  const columns = (keys: typeof kept) =>
    [keys.map((key) => key.instanceId), keys.map((key) => key.type), keys.map((key) => key.id)] as const;
  const [instances, types, ids] = columns(kept);
  const [goneInstances, goneTypes, goneIds] = columns(gone);
  // Base64, as the driver has no arrays of bytes.
  const values = kept.map((key) =>
    vault.seal(serializeKey(key.value), keyPlace(key.instanceId, key.type, key.id)).toString("base64"),
  );
  await Promise.all([
    kept.length > 0 &&
      sql`
        insert into session_keys (instance_id, type, key_id, value)
        select instance_id, type, key_id, decode(value, 'base64')
        from unnest(${instances}::uuid[], ${types}::text[], ${ids}::text[], ${values}::text[])
          as kept(instance_id, type, key_id, value)
        on conflict (instance_id, type, key_id) do update set value = excluded.value`,
    gone.length > 0 &&
      sql`
        delete from session_keys using unnest(${goneInstances}::uuid[], ${goneTypes}::text[], ${goneIds}::text[])
          as gone(instance_id, type, key_id)
        where session_keys.instance_id = gone.instance_id and session_keys.type = gone.type
          and session_keys.key_id = gone.key_id`,
  ]);
}

export async function writeInbox(
  sql: postgres.TransactionSql,
  batch: readonly Recorded[],
  vault: Vault,
): Promise<void> {
  const rows = batch.flatMap(({ instanceId, change, at }) =>
    (change.inbox ?? []).map((row) => ({ instanceId, at, ...row })),
  );
  if (rows.length === 0) return;
  const sealed = rows.map((row) => vault.seal(row.plaintext, inboxPlace(row.instanceId, row.waId)).toString("base64"));
  await sql`
    insert into session_inbox (instance_id, wa_id, hash, plaintext, received_at)
    select instance_id, wa_id, decode(hash, 'base64'), decode(plaintext, 'base64'), received_at
    from unnest(${rows.map((row) => row.instanceId)}::uuid[], ${rows.map((row) => row.waId)}::text[],
      ${rows.map((row) => row.hash.toString("base64"))}::text[], ${sealed}::text[],
      ${rows.map((row) => row.at.toISOString())}::timestamptz[]) as kept(instance_id, wa_id, hash, plaintext, received_at)
    on conflict do nothing`;
}

export const inboxPlace = (instanceId: string, waId: string) => `inbox:${instanceId}:${waId}`;

export async function insertMessages(sql: postgres.TransactionSql, batch: readonly Recorded[]): Promise<Set<string>> {
  const rows = batch.flatMap(({ instanceId, change }) =>
    (change.messages ?? []).map(({ event: _event, ...message }) => ({ instance_id: instanceId, ...message })),
  );
  if (rows.length === 0) return new Set();
  const inserted = await sql<{ id: string }[]>`
    insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, sender_lid, push_name, type, proto_type, body,
      media, context, status, payload, sent_at)
    select id, instance_id, wa_id, chat_id, from_me, sender_id, sender_lid, push_name, type, proto_type, body,
      media, context, status, decode(payload, 'base64'), sent_at
    from jsonb_to_recordset(${storableJson(rows)}::text::jsonb) as t(id uuid, instance_id uuid, wa_id text, chat_id text,
      from_me boolean, sender_id text, sender_lid text, push_name text, type text, proto_type text, body text, media jsonb,
      context jsonb, status text, payload text, sent_at timestamptz)
    on conflict (instance_id, wa_id, chat_id, sender_id) do nothing
    returning id`;
  return new Set(inserted.map((row) => row.id));
}

interface SentRow {
  instance_id: string;
  wa_id: string;
  chat_id: string;
  type: string;
  proto_type: string;
  body: string;
  media: { mimetype: string; filename: string; size: number; sha256: string; storageKey: string } | null;
  context: MessageContext | null;
  sent: number;
}

/**
 * Statements that join with what we bring name the rows once more as an array (`= any`): of how many rows come out of JSON or
 * `unnest` the planner has no idea, and would rather read the whole table.
 */
const unique = (values: readonly string[]): string[] => [...new Set(values)];

/** WhatsApp has it: the message is `sent`, at a whole second as WhatsApp counts, and the command done. */
export async function acknowledge(
  sql: postgres.TransactionSql,
  batch: readonly Recorded[],
): Promise<Map<string, NewEvent>> {
  const acks = batch.flatMap(({ instanceId, change, at }) =>
    (change.acks ?? []).map((ack) => ({ instanceId, at, ...ack })),
  );
  if (acks.length === 0) return new Map();
  const rows = await sql<SentRow[]>`
    update messages set status = 'sent', sent_at = date_trunc('second', ack.at)
    from unnest(${acks.map((ack) => ack.instanceId)}::uuid[], ${acks.map((ack) => ack.waId)}::text[],
      ${acks.map((ack) => ack.at.toISOString())}::timestamptz[]) as ack(instance_id, wa_id, at)
    where messages.instance_id = ack.instance_id and messages.wa_id = ack.wa_id and messages.from_me
      and messages.instance_id = any(${unique(acks.map((ack) => ack.instanceId))}::uuid[])
      and messages.wa_id = any(${acks.map((ack) => ack.waId)}::text[])
      and messages.status = 'pending'
    returning messages.instance_id, messages.wa_id, chat_id, type, proto_type, body, media, context,
      extract(epoch from sent_at)::float8 as sent`;
  return new Map(
    rows.map((row) => [
      `${row.instance_id} ${row.wa_id}`,
      {
        type: "message.sent",
        data: {
          messageId: row.wa_id,
          chatId: row.chat_id,
          type: row.type,
          protoType: row.proto_type,
          body: row.body,
          timestamp: Math.floor(row.sent),
          media: row.media && {
            mimetype: row.media.mimetype,
            filename: row.media.filename,
            size: row.media.size,
            sha256: row.media.sha256,
            storageKey: row.media.storageKey,
          },
          ...contextForEvent(row.context),
          source: "api",
        },
      },
    ]),
  );
}

/** A status only moves forward, and whoever reads has also received. */
export async function progress(
  sql: postgres.TransactionSql,
  batch: readonly Recorded[],
): Promise<Map<string, NewEvent>> {
  const steps = batch.flatMap(({ instanceId, change }) =>
    (change.progress ?? []).flatMap((step) => step.waIds.map((waId) => ({ instanceId, ...step, waId }))),
  );
  const events = new Map<string, NewEvent>();
  for (const status of ["delivered", "read"] as const) {
    const now = new Map(
      steps.filter((step) => step.status === status).map((step) => [`${step.instanceId} ${step.waId}`, step]),
    );
    if (now.size === 0) continue;
    const list = [...now.values()];
    const earlier = status === "read" ? ["pending", "sent", "delivered"] : ["pending", "sent"];
    const rows = await sql<{ instance_id: string; wa_id: string; chat_id: string }[]>`
      update messages set status = ${status}, delivered_at = coalesce(delivered_at, step.at),
        read_at = case when ${status} = 'read' then step.at end
      from unnest(${list.map((step) => step.instanceId)}::uuid[], ${list.map((step) => step.waId)}::text[],
        ${list.map((step) => new Date(step.timestamp * 1000).toISOString())}::timestamptz[]) as step(instance_id, wa_id, at)
      where messages.instance_id = step.instance_id and messages.wa_id = step.wa_id and messages.from_me
        and messages.instance_id = any(${unique(list.map((step) => step.instanceId))}::uuid[])
        and messages.wa_id = any(${list.map((step) => step.waId)}::text[])
        and messages.status = any(${earlier}::text[])
      returning messages.instance_id, messages.wa_id, messages.chat_id`;
    for (const row of rows) {
      const step = now.get(`${row.instance_id} ${row.wa_id}`);
      if (!step) continue;
      events.set(`${row.instance_id} ${row.wa_id} ${status}`, {
        type: `message.${status}`,
        data: { messageId: row.wa_id, chatId: row.chat_id, by: step.by, timestamp: step.timestamp },
      });
    }
  }
  return events;
}

/**
 * Edits and deletions, each by itself, as they are rare. What is older than the last edit, or said again, changes nothing
 * and announces nothing.
 */
export async function revise(
  sql: postgres.TransactionSql,
  batch: readonly Recorded[],
): Promise<Map<Revision, NewEvent>> {
  const events = new Map<Revision, NewEvent>();
  const statements = batch.flatMap(({ instanceId, change }) =>
    (change.revisions ?? []).map(async (revision) => {
      const { waId, chatIds, author, by, fromMe } = revision;
      const at = revision.at.toISOString();
      const body = revision.kind === "edit" ? storableText(revision.body) : "";
      const set =
        revision.kind === "edit"
          ? sql`body = ${body}, edited_at = ${at}::timestamptz`
          : sql`deleted_at = ${at}::timestamptz`;
      const newer =
        revision.kind === "edit"
          ? sql`and (edited_at is null or edited_at < ${at}::timestamptz
              or (edited_at = ${at}::timestamptz and body <> ${body}))`
          : sql``;
      const written =
        author === "me"
          ? sql`from_me`
          : sql`not from_me and (sender_id = any(${author}::text[]) or sender_lid = any(${author}::text[]))`;
      const [row] = await sql<{ chat_id: string }[]>`
        update messages set ${set}
        where instance_id = ${instanceId} and wa_id = ${waId} and chat_id = any(${chatIds}::text[]) and ${written}
          and deleted_at is null and status not in ('failed', 'canceled') and type <> 'reaction' ${newer}
        returning chat_id`;
      if (!row) return;
      const timestamp = Math.floor(revision.at.getTime() / 1000);
      const data = { messageId: waId, chatId: row.chat_id, by, fromMe, timestamp };
      events.set(
        revision,
        revision.kind === "edit"
          ? { type: "message.edited", data: { ...data, body: body.slice(0, maxEventBody) } }
          : { type: "message.deleted", data },
      );
    }),
  );
  await Promise.all(statements);
  return events;
}

export async function keepPrepared(sql: postgres.TransactionSql, batch: readonly Recorded[]): Promise<void> {
  const rows = batch.flatMap(({ instanceId, change }) =>
    (change.prepared ?? []).map((row) => ({ instanceId, ...row })),
  );
  if (rows.length === 0) return;
  await sql`
    update messages set payload = decode(t.payload, 'base64'), chat_id = t.chat_id, type = t.type, proto_type = t.proto_type,
      context = t.context::jsonb
    from unnest(${rows.map((row) => row.instanceId)}::uuid[], ${rows.map((row) => row.waId)}::text[],
      ${rows.map((row) => row.payload.toString("base64"))}::text[], ${rows.map((row) => row.chatId)}::text[],
      ${rows.map((row) => row.type)}::text[], ${rows.map((row) => row.protoType)}::text[],
      ${rows.map((row) => row.context && storableJson(row.context))}::text[])
      as t(instance_id, wa_id, payload, chat_id, type, proto_type, context)
    where messages.instance_id = t.instance_id and messages.wa_id = t.wa_id and messages.from_me
      and messages.instance_id = any(${unique(rows.map((row) => row.instanceId))}::uuid[])
      and messages.wa_id = any(${rows.map((row) => row.waId)}::text[])`;
}

/** Answers whether there are replies to send now. */
export async function finishCommands(
  sql: postgres.TransactionSql,
  batch: readonly Recorded[],
  vault: Vault,
): Promise<boolean> {
  const rows = batch.flatMap(({ change, at }) =>
    (change.commands ?? []).map(({ secret, output, ...command }) => ({
      at: at.toISOString(),
      output: secret ? sealedOutput(vault, command.id, output) : output,
      ...command,
    })),
  );
  if (rows.length === 0) return false;
  const replied = await sql`
    with finished as (
      update commands set status = t.status, output = t.output, error_code = t."errorCode", error_details = t."errorDetails",
        finished_at = t.at
      from jsonb_to_recordset(${storableJson(rows)}::text::jsonb)
        as t(id uuid, status text, output jsonb, "errorCode" text, "errorDetails" text, at timestamptz)
      where commands.id = t.id and commands.id = any(${rows.map((row) => row.id)}::uuid[]) and commands.status = 'claimed'
      returning reply_to
    )
    select from finished where reply_to is not null limit 1`;
  return replied.length > 0;
}

/** Most batches tell nothing new of anybody, and cost nothing here. */
export async function writeContacts(sql: postgres.TransactionSql, batch: readonly Recorded[]): Promise<void> {
  const byInstance = Map.groupBy(
    batch.filter(({ change }) => change.contacts?.length || change.groups || change.numbers?.length),
    ({ instanceId }) => instanceId,
  );
  await Promise.all(
    [...byInstance].flatMap(([instanceId, changes]) => {
      const at = changes.at(-1)?.at ?? new Date();
      const numbers = changes.flatMap(({ change }) => change.numbers ?? []);
      const steps = changes.flatMap(({ change: { contacts = [], groups } }) =>
        contacts.length > 0 || groups ? [{ facts: contacts, groups }] : [],
      );
      return [
        numbers.length > 0 && recordNumbers(sql, instanceId, numbers, at),
        steps.length > 0 && recordContacts(sql, { instanceId, steps, at }),
      ];
    }),
  );
}

/** What is rare: a statement each. */
export function updateRest(
  sql: postgres.TransactionSql,
  { instanceId, change, at }: Recorded,
  ids: Ids,
): Promise<unknown>[] {
  const statements: Promise<unknown>[] = [];
  if (change.instance && Object.keys(change.instance).length > 0) {
    const fields: InstanceFields & { updated_at: Date } = { ...change.instance, updated_at: at };
    statements.push(sql`update instances set ${sql(fields)} where id = ${instanceId}`.execute());
  }
  for (const message of change.messageUpdates ?? []) {
    const { media, ...columns } = message.set;
    const set = media === undefined ? columns : { ...columns, media: storableJson(media) };
    const which = "id" in message ? sql`id = ${message.id}` : sql`wa_id = ${message.waId} and from_me`;
    // What WhatsApp has acknowledged does not fail any more, whatever it says of a second copy.
    const still = columns.status === "failed" ? sql`and status = 'pending'` : sql``;
    statements.push(
      sql`update messages set ${sql(set)} where instance_id = ${instanceId} and ${which} ${still}`.execute(),
    );
  }
  if (change.readMarks?.length) {
    statements.push(
      sql`update messages set read_at = ${at}
        where instance_id = ${instanceId} and id = any(${change.readMarks}::uuid[]) and read_at is null`.execute(),
    );
  }
  for (const activity of change.activities ?? []) {
    statements.push(
      sql`insert into activities (id, instance_id, action, details, created_at)
        values (${ids.uuid()}, ${instanceId}, ${activity.action}, ${storableJson(activity.details)}::text::jsonb, ${at})`.execute(),
    );
  }
  if (change.forgetContacts) {
    statements.push(sql`delete from contacts where instance_id = ${instanceId}`.execute());
    statements.push(sql`delete from unknown_numbers where instance_id = ${instanceId}`.execute());
  }
  if (change.forgetSession) {
    statements.push(sql`delete from session_keys where instance_id = ${instanceId}`.execute());
    statements.push(sql`delete from session_inbox where instance_id = ${instanceId}`.execute());
  }
  return statements;
}
