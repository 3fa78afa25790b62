import type { NewEvent } from "../../core/event/catalog/index.ts";
import type { Content } from "../../core/message/content/index.ts";
import { contextForEvent, type MessageContext } from "../../core/message/context.ts";
import { eventMedia } from "../../core/message/event-media.ts";
import type { MessageMedia } from "../../core/message/message.sql.ts";
import { statusChat } from "../../core/message/status.ts";
import type { Receipt } from "./change.ts";
import { originColumns, wasSentTo } from "./write-recipients.ts";
import { type Batch, type RecordedChange, rowsOf, unique, type Writer, writeEach } from "./writer.ts";

interface SentRow {
  instance_id: string;
  wa_id: string;
  chat_id: string;
  type: string;
  proto_type: string;
  body: string;
  content: Content | null;
  media: MessageMedia | null;
  context: MessageContext | null;
  sent: number;
}

/** Marks messages as `sent`. `sent_at` is a whole second, because WhatsApp counts in seconds. */
export const acks = {
  /** Returns the events. A key is `<instance id> <wa_id>`. */
  async write(batch: Batch): Promise<Map<string, NewEvent>> {
    const rows = rowsOf(batch, (change) => change.acks).map((row) => ({ ...row, ...originColumns(row.receipt) }));
    if (rows.length === 0) return new Map();
    const sent = await batch.sql<SentRow[]>`
      update messages set status = 'sent', sent_at = date_trunc('second', ack.at)
      from unnest(${rows.map((row) => row.instanceId)}::uuid[], ${rows.map((row) => row.waId)}::text[],
        ${rows.map((row) => row.at.toISOString())}::timestamptz[], ${rows.map((row) => row.chat)}::text[],
        ${rows.map((row) => row.otherChat)}::text[], ${rows.map((row) => row.person)}::text[],
        ${rows.map((row) => row.otherPerson)}::text[]) as ack(instance_id, wa_id, at, chat, other_chat, person, other_person)
      where messages.instance_id = ack.instance_id and messages.wa_id = ack.wa_id and messages.from_me
        and messages.instance_id = any(${unique(rows.map((row) => row.instanceId))}::uuid[])
        and messages.wa_id = any(${rows.map((row) => row.waId)}::text[])
        and messages.status = 'pending' and (ack.chat is null or (${wasSentTo(batch.sql, "ack")}))
      returning messages.instance_id, messages.wa_id, chat_id, type, proto_type, body, content, media, context,
        extract(epoch from sent_at)::float8 as sent`;
    return new Map(sent.map((row) => [`${row.instance_id} ${row.wa_id}`, sentEvent(row)]));
  },
  // A batch may acknowledge a message twice. `take` gives the event to the first acknowledgement only.
  events: ({ instanceId, change }: RecordedChange, sent: Map<string, NewEvent>) =>
    (change.acks ?? []).map(({ waId }) => take(sent, `${instanceId} ${waId}`)),
} satisfies Writer<Map<string, NewEvent>>;

function sentEvent(row: SentRow): NewEvent {
  return {
    type: "message.sent",
    data: {
      messageId: row.wa_id,
      chatId: row.chat_id,
      type: row.type,
      protoType: row.proto_type,
      body: row.body,
      timestamp: Math.floor(row.sent),
      media: row.media && eventMedia(row.media),
      content: row.content,
      ...contextForEvent(row.context),
      source: "api",
    },
  };
}

/** Moves the status of messages forward. A read message also counts as delivered. */
export const progress = {
  /** Returns the events. A key is `<instance id> <wa_id> <status>`. */
  async write(batch: Batch): Promise<Map<string, NewEvent>> {
    const steps = rowsOf(batch, (change) => change.progress).flatMap(({ waIds, ...step }) =>
      waIds.map((waId) => ({ ...step, ...originColumns(step), waId })),
    );
    const events = new Map<string, NewEvent>();
    for (const status of ["delivered", "read"] as const) {
      const rows = await moveForward(
        batch,
        status,
        steps.filter((step) => step.status === status),
      );
      for (const { instanceId, messageId, chatId, by, timestamp } of rows) {
        const data = { messageId, chatId, by, timestamp };
        events.set(`${instanceId} ${messageId} ${status}`, { type: `message.${status}`, data });
      }
    }
    return events;
  },
  events: ({ instanceId, change }: RecordedChange, events: Map<string, NewEvent>) =>
    (change.progress ?? []).flatMap(({ waIds, status }) =>
      waIds.map((waId) => take(events, `${instanceId} ${waId} ${status}`)),
    ),
} satisfies Writer<Map<string, NewEvent>>;

interface ProgressStep extends ReturnType<typeof originColumns> {
  instanceId: string;
  waId: string;
  by: string;
  /** Unix seconds. */
  timestamp: number;
}

/**
 * Sets the status of the messages of these receipts, and returns the receipts that changed a message. If several
 * receipts are for one message, the database takes one of those that count.
 */
async function moveForward({ sql }: Batch, status: "delivered" | "read", steps: readonly ProgressStep[]) {
  if (steps.length === 0) return [];
  const earlier = status === "read" ? ["pending", "sent", "delivered"] : ["pending", "sent"];
  return await sql<{ instanceId: string; messageId: string; chatId: string; by: string; timestamp: number }[]>`
    update messages set status = ${status}, delivered_at = coalesce(delivered_at, to_timestamp(step.seconds)),
      read_at = case when ${status} = 'read' then to_timestamp(step.seconds) end
    from unnest(${steps.map((step) => step.instanceId)}::uuid[], ${steps.map((step) => step.waId)}::text[],
      ${steps.map((step) => step.timestamp)}::float8[], ${steps.map((step) => step.by)}::text[],
      ${steps.map((step) => step.chat)}::text[], ${steps.map((step) => step.otherChat)}::text[],
      ${steps.map((step) => step.person)}::text[], ${steps.map((step) => step.otherPerson)}::text[])
      as step(instance_id, wa_id, seconds, by, chat, other_chat, person, other_person)
    where messages.instance_id = step.instance_id and messages.wa_id = step.wa_id and messages.from_me
      and messages.instance_id = any(${unique(steps.map((step) => step.instanceId))}::uuid[])
      and messages.wa_id = any(${steps.map((step) => step.waId)}::text[])
      and messages.status = any(${earlier}::text[]) and ${wasSentTo(sql, "step")}
    returning messages.instance_id as "instanceId", messages.wa_id as "messageId", messages.chat_id as "chatId", step.by,
      step.seconds as timestamp`;
}

/**
 * Records who received and who viewed the account's status posts. A viewer is recorded by phone number if a contact has
 * the number, and is announced once as `delivered` and once as `read`. The status of the post is `read` if a viewer has
 * read it, otherwise `delivered`.
 */
export const views = {
  /** Returns the events of each receipt, by message id. */
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.views,
      (receipt, { instanceId }) => recordViews(batch, instanceId, receipt),
    ),
  events: ({ change }: RecordedChange, events: Map<Receipt, Map<string, NewEvent>>) =>
    (change.views ?? []).flatMap((receipt) => receipt.waIds.map((waId) => events.get(receipt)?.get(waId))),
} satisfies Writer<Map<Receipt, Map<string, NewEvent>>>;

async function recordViews(
  { sql }: Batch,
  instanceId: string,
  { waIds, status, by, timestamp, ...origin }: Receipt,
): Promise<Map<string, NewEvent>> {
  const at = new Date(timestamp * 1000).toISOString();
  const { chat, otherChat, person, otherPerson } = originColumns(origin);
  // A viewer who has seen the status post has also received it, so a late delivery receipt changes nothing.
  const replaced = status === "read" ? ["delivered"] : [];
  const rows = await sql<{ waId: string; viewer: string }[]>`
    with viewer as (
      select coalesce((
        select jid from contacts where instance_id = ${instanceId} and lid = ${by}::text limit 1), ${by}::text) as jid
    )
    update messages set
      context = coalesce(context, '{}') || jsonb_build_object('views',
        coalesce(context->'views', '{}') || jsonb_build_object(viewer.jid, ${status}::text)),
      status = case when messages.status = 'read' then 'read' else ${status}::text end,
      delivered_at = coalesce(delivered_at, ${at}::timestamptz),
      read_at = coalesce(read_at, case when ${status}::text = 'read' then ${at}::timestamptz end)
    from viewer, (select ${chat}::text as chat, ${otherChat}::text as other_chat, ${person}::text as person,
      ${otherPerson}::text as other_person) as receipt
    where messages.instance_id = ${instanceId} and wa_id = any(${waIds}::text[]) and chat_id = ${statusChat} and from_me
      and messages.status in ('pending', 'sent', 'delivered', 'read')
      and (context->'views'->>viewer.jid is null or context->'views'->>viewer.jid = any(${replaced}::text[]))
      and ${wasSentTo(sql, "receipt")}
    returning wa_id as "waId", viewer.jid as viewer`;
  return new Map(
    rows.map(({ waId: messageId, viewer }): [string, NewEvent] => [
      messageId,
      { type: `message.${status}`, data: { messageId, chatId: statusChat, by: viewer, timestamp } },
    ]),
  );
}

/** Returns a value and removes it from the map. */
function take<Value>(map: Map<string, Value>, key: string): Value | undefined {
  const value = map.get(key);
  map.delete(key);
  return value;
}
