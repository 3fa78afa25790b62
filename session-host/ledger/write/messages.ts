import { storableJson } from "../../../core/db/index.ts";
import type { NewMessage, PreparedMessage } from "../change.ts";
import type { Batch, RecordedChange, Writer } from "../writer.ts";
import { rowsOf, unique, writeEach } from "../writer.ts";
import { listHash, storeLists } from "./recipients.ts";

/** Inserts messages. Only a new row announces its event. */
export const messages = {
  independent: true,
  async write(batch: Batch) {
    const rows = batch.changes.flatMap(({ instanceId, change }) =>
      (change.messages ?? []).map(({ event: _event, ...message }) => ({ instance_id: instanceId, ...message })),
    );
    if (rows.length === 0) return;
    const live = rows.filter(({ mayBeImported }) => mayBeImported);
    const toRead = rows.filter(({ autoRead }) => autoRead);
    await Promise.all([
      live.length > 0 && promoteImported(batch.sql, live),
      insertMessages(batch.sql, rows),
      toRead.length > 0 && storeAutoReads(batch.sql, toRead),
    ]);
  },
  events: ({ change }: RecordedChange) =>
    (change.messages ?? []).flatMap(({ id, event }) => (event ? [{ ...event, ifMessage: id }] : [])),
} satisfies Writer;

/** Notes which of the messages are to be marked as read. A message that is not new has no row with its new id. */
const storeAutoReads = (sql: Batch["sql"], rows: readonly { id: string }[]) => sql`
  insert into auto_reads (instance_id, message_id)
  select instance_id, id from messages where id = any(${rows.map(({ id }) => id)}::uuid[]) and read_at is null
  on conflict do nothing`;

/**
 * Returns the statement that inserts those of the rows that are new, and returns their ids. `condition` is added to the
 * selection of the rows, whose alias is `t`.
 */
export const insertMessages = (
  sql: Batch["sql"],
  rows: readonly (Omit<NewMessage, "event"> & { instance_id: string })[],
  condition = sql``,
) => sql<{ id: string }[]>`
      insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, sender_lid, push_name, type, proto_type, body,
        content, content_version, media, context, status, payload, sent_at, imported, read_at, unread)
      select id, instance_id, wa_id, chat_id, from_me, sender_id, sender_lid, push_name, type, proto_type, body,
        content, content_version, media, context, status, decode(payload, 'base64'), sent_at, coalesce(imported, false), read_at, unread
      from jsonb_to_recordset(${storableJson(rows)}::text::jsonb) as t(id uuid, instance_id uuid, wa_id text, chat_id text,
        from_me boolean, sender_id text, sender_lid text, push_name text, type text, proto_type text, body text, content jsonb,
        content_version int, media jsonb, context jsonb, status text, payload text, sent_at timestamptz, imported boolean,
        read_at timestamptz, unread boolean)
      ${condition}
      on conflict (instance_id, wa_id, chat_id, sender_id) do nothing
      returning id`;

/**
 * Turns rows that the history stored into rows of live messages with new ids, because a message that arrives is announced
 * even if the history had it first. A file that is in the bucket keeps its place there.
 */
function promoteImported(sql: Batch["sql"], live: readonly { instance_id: string; wa_id: string }[]) {
  return sql`
    update messages set id = t.id, imported = false, push_name = coalesce(t.push_name, messages.push_name),
      media = case when messages.media->>'state' = 'stored' then messages.media else t.media end
    from jsonb_to_recordset(${storableJson(live)}::text::jsonb) as t(id uuid, instance_id uuid, wa_id text, chat_id text,
      sender_id text, push_name text, media jsonb)
    where messages.instance_id = t.instance_id and messages.wa_id = t.wa_id and messages.chat_id = t.chat_id
      and messages.sender_id = t.sender_id and messages.imported
      and messages.instance_id = any(${unique(live.map((row) => row.instance_id))}::uuid[])
      and messages.wa_id = any(${live.map((row) => row.wa_id)}::text[])`;
}

export const prepared = {
  independent: true,
  async write(batch: Batch) {
    const rows = rowsOf(batch, (change) => change.prepared);
    if (rows.length === 0) return;
    const lists = rows.map(({ instanceId, recipients }) => ({ instanceId, ...recipients }));
    await Promise.all([storeLists(batch, lists), storePrepared(batch.sql, rows)]);
  },
} satisfies Writer;

const storePrepared = (sql: Batch["sql"], rows: readonly ({ instanceId: string } & PreparedMessage)[]) => sql`
      update messages set payload = decode(t.payload, 'base64'), chat_id = t.chat_id, type = t.type, proto_type = t.proto_type,
        content = t.content::jsonb, content_version = t.content_version, context = t.context::jsonb, recipients = decode(t.recipients, 'hex')
      from unnest(${rows.map((row) => row.instanceId)}::uuid[], ${rows.map((row) => row.waId)}::text[],
        ${rows.map((row) => row.payload.toString("base64"))}::text[], ${rows.map((row) => row.chatId)}::text[],
        ${rows.map((row) => row.type)}::text[], ${rows.map((row) => row.protoType)}::text[],
        ${rows.map((row) => row.content && storableJson(row.content))}::text[],
        ${rows.map((row) => row.contentVersion)}::int[],
        ${rows.map((row) => row.context && storableJson(row.context))}::text[],
        ${rows.map((row) => listHash(row.recipients.jids)?.toString("hex") ?? null)}::text[])
        as t(instance_id, wa_id, payload, chat_id, type, proto_type, content, content_version, context, recipients)
      where messages.instance_id = t.instance_id and messages.wa_id = t.wa_id and messages.from_me
        and messages.instance_id = any(${unique(rows.map((row) => row.instanceId))}::uuid[])
        and messages.wa_id = any(${rows.map((row) => row.waId)}::text[])`;

export const messageUpdates = {
  independent: true,
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.messageUpdates,
      (message, { instanceId }) => {
        const { sql } = batch;
        const { media, ...columns } = message.set;
        const set = media === undefined ? columns : { ...columns, media: storableJson(media) };
        const selected = "id" in message ? sql`id = ${message.id}` : sql`wa_id = ${message.waId} and from_me`;
        // A message that WhatsApp has acknowledged does not become failed, even if WhatsApp refuses a second copy.
        const unacknowledged = columns.status === "failed" ? sql`and status = 'pending'` : sql``;
        return sql`update messages set ${sql(set)} where instance_id = ${instanceId} and ${selected} ${unacknowledged}`;
      },
    ),
} satisfies Writer;
