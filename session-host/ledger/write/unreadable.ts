import type { MessageStatus } from "../../../core/message/message.sql.ts";
import type { UnreadableMessage } from "../change.ts";
import { type Batch, type RecordedChange, rowsOf, unique, type Writer, writeEach } from "../writer.ts";
import { countAsRead } from "./chats.ts";
import { insertMessages } from "./messages.ts";

type Item = UnreadableMessage & { instanceId: string };

/**
 * Stores unreadable messages, and announces those that have a row in `messages` which is new. Runs before `readable`,
 * so that a message that is readable in a later change of the batch replaces the unreadable one.
 */
export const unreadable = {
  /** Returns the ids of the new rows in `messages`. */
  async write(batch: Batch): Promise<Set<string | null>> {
    const items = stillUnreadable(batch);
    const fresh = items.filter(({ pending }) => !pending);
    const pending = items.filter((item) => item.pending);
    const { sql } = batch;
    const inserted = await Promise.all([
      fresh.length > 0 ? store(sql, fresh) : [],
      // A message whose content has arrived meanwhile has no row here any more.
      pending.length > 0
        ? store(
            sql,
            pending,
            sql`where exists (
              select 1 from unreadable_messages as u
              where u.instance_id = t.instance_id and u.wa_id = t.wa_id and u.message_id is null)`,
          )
        : [],
      pending.length > 0 && dropKnown(sql, pending),
    ]);
    return new Set(
      inserted
        .slice(0, 2)
        .flatMap((rows) => rows || [])
        .map((row) => row.message_id),
    );
  },
  events: ({ change }: RecordedChange, inserted: Set<string | null>) =>
    (change.unreadable ?? []).flatMap(({ message }) =>
      message ? [inserted.has(message.id) ? message.event : undefined] : [],
    ),
} satisfies Writer<Set<string | null>>;

/** Deletes unreadable messages whose content is known, so that `messages` can insert the content. */
export const readable = {
  independent: true,
  async write(batch: Batch) {
    const rows = rowsOf(batch, (change) => change.readable).flatMap(({ instanceId, waId, senders }) =>
      senders.map((sender) => ({ instanceId, waId, sender })),
    );
    if (rows.length === 0) return;
    const instances = unique(rows.map((row) => row.instanceId));
    const waIds = unique(rows.map((row) => row.waId));
    const { sql } = batch;
    const deletion = sql`
      with known as (
        delete from unreadable_messages as u
        using unnest(${rows.map((row) => row.instanceId)}::uuid[], ${rows.map((row) => row.waId)}::text[],
          ${rows.map((row) => row.sender)}::text[]) as t(instance_id, wa_id, sender)
        where u.instance_id = t.instance_id and u.wa_id = t.wa_id and t.sender in (u.sender, u.sender_alt)
          and u.instance_id = any(${instances}::uuid[]) and u.wa_id = any(${waIds}::text[])
        returning u.message_id
      ), deleted as (
        delete from messages using known
        where messages.id = known.message_id and type = 'unreadable' and deleted_at is null
          and messages.instance_id = any(${instances}::uuid[]) and messages.wa_id = any(${waIds}::text[])
        returning messages.instance_id, wa_id, chat_id, sender_id, status, delivered_at, read_at
      )`;
    if (!batch.stepwise) {
      // Fails, so that the batch is committed stepwise, if another statement has to keep the progress of a message.
      await sql`${deletion} select 1 / (count(coalesce(delivered_at, read_at)) = 0)::int from deleted`;
      return;
    }
    const deleted = await sql<Progress[]>`${deletion} select * from deleted`;
    const progress = deleted.filter((row) => row.delivered_at ?? row.read_at);
    // Runs after the writer of `messages`, whose statement was sent before the result arrived.
    if (progress.length === 0) return;
    const kept = await keepProgress(batch.sql, progress);
    const read = kept.flatMap((row) => (row.read_at ? row.id : []));
    if (read.length > 0) await countAsRead(batch.sql, batch.sql`id = any(${read}::uuid[])`);
  },
} satisfies Writer;

/** How far a message was delivered while its content was missing. */
interface Progress {
  instance_id: string;
  wa_id: string;
  chat_id: string;
  sender_id: string;
  status: MessageStatus;
  delivered_at: Date | null;
  read_at: Date | null;
}

const keepProgress = (sql: Batch["sql"], rows: readonly Progress[]) => sql<{ id: string; read_at: Date | null }[]>`
  update messages set status = t.status, delivered_at = t.delivered_at, read_at = t.read_at
  from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as t(instance_id uuid, wa_id text, chat_id text,
    sender_id text, status text, delivered_at timestamptz, read_at timestamptz)
  where messages.instance_id = t.instance_id and messages.wa_id = t.wa_id and messages.chat_id = t.chat_id
    and messages.sender_id = t.sender_id
    and messages.instance_id = any(${unique(rows.map((row) => row.instance_id))}::uuid[])
    and messages.wa_id = any(${rows.map((row) => row.wa_id)}::text[])
  returning messages.id, messages.read_at`;

export const phoneRequests = {
  independent: true,
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.phoneRequests,
      ({ waId, sender, requests, dueAt }, { instanceId }) => batch.sql`
        update unreadable_messages set due_at = ${dueAt}, requests = coalesce(${requests ?? null}::integer, requests)
        where instance_id = ${instanceId} and wa_id = ${waId} and sender = ${sender}`,
    ),
} satisfies Writer;

/**
 * Returns the unreadable messages of a batch, each once, without those whose content is in an earlier change of the
 * batch.
 */
function stillUnreadable({ changes }: Batch): Item[] {
  const known = new Set<string>();
  const items = new Map<string, Item>();
  for (const { instanceId, change } of changes) {
    const keyOf = (waId: string, sender: string) => `${instanceId} ${waId} ${sender}`;
    for (const item of change.unreadable ?? []) {
      const { waId, sender, senderAlt, message } = item;
      if (known.has(keyOf(waId, sender)) || (senderAlt !== null && known.has(keyOf(waId, senderAlt)))) continue;
      const key = keyOf(waId, sender);
      if (!items.get(key)?.message || (message && item.pending)) items.set(key, { ...item, instanceId });
    }
    for (const { waId, senders } of change.readable ?? []) for (const sender of senders) known.add(keyOf(waId, sender));
  }
  return [...items.values()];
}

/** Stores items that are not announced, and those whose row in `messages` is new and fulfills the condition. */
function store(sql: Batch["sql"], items: readonly Item[], condition = sql``) {
  const rows = items.flatMap(({ instanceId, message }) => {
    if (!message) return [];
    const { event: _event, ...row } = message;
    return [{ instance_id: instanceId, ...row }];
  });
  const values = items.map(({ instanceId, waId, sender, senderAlt, attrs, reason, hidden, message, dueAt }) => ({
    ...{ instance_id: instanceId, wa_id: waId, sender, sender_alt: senderAlt, attrs, reason, hidden },
    ...{ message_id: message?.id ?? null, due_at: dueAt?.toISOString() ?? null },
  }));
  return sql<{ message_id: string | null }[]>`
    with told as (${insertMessages(sql, rows, condition)})
    insert into unreadable_messages as u (instance_id, wa_id, sender, sender_alt, attrs, reason, hidden, message_id, due_at)
    select instance_id, wa_id, sender, sender_alt, attrs, reason, hidden, message_id, due_at
    from jsonb_to_recordset(${JSON.stringify(values)}::text::jsonb) as t(instance_id uuid, wa_id text, sender text,
      sender_alt text, attrs jsonb, reason text, hidden boolean, message_id uuid, due_at timestamptz)
    where message_id is null or message_id in (select id from told)
    on conflict (instance_id, wa_id, sender) do update set
      message_id = coalesce(excluded.message_id, u.message_id),
      due_at = case
        when excluded.message_id is not null then excluded.due_at
        when u.message_id is null and u.requests = 0 then least(u.due_at, excluded.due_at)
        else u.due_at
      end
    returning message_id`;
}

/** Deletes items that were not announced, because `messages` already has their content. */
const dropKnown = (sql: Batch["sql"], items: readonly Item[]) => sql`
  delete from unreadable_messages as u
  using unnest(${items.map((item) => item.instanceId)}::uuid[], ${items.map((item) => item.waId)}::text[],
    ${items.map((item) => item.sender)}::text[]) as t(instance_id, wa_id, sender)
  where u.instance_id = t.instance_id and u.wa_id = t.wa_id and u.sender = t.sender and u.message_id is null`;
