import type { NewEvent } from "../../../core/event/catalog/index.ts";
import type { Content } from "../../../core/message/content/index.ts";
import { contextForEvent, type MessageContext } from "../../../core/message/context.ts";
import { eventMedia } from "../../../core/message/event-media.ts";
import type { MessageMedia, MessageStatus } from "../../../core/message/message.sql.ts";
import { isLidJid } from "../../../core/message/recipient.ts";
import { defined } from "../../../core/object.ts";
import type { Receipt } from "../change.ts";
import { type Batch, type RecordedChange, rowsOf, unique, type Writer } from "../writer.ts";
import { originColumns, wasSentTo } from "./recipients.ts";

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
      ...defined({ skipped: row.context?.skipped }),
    },
  };
}

/**
 * Records who has received, read and played messages of the account, and moves the status of the messages forward. Each
 * person is announced once for each of the three. A person who has read a message has also received it, so a late
 * delivery receipt changes nothing.
 */
export const progress = {
  /** Returns the events by the step that they belong to. */
  async write(batch: Batch): Promise<Map<string, NewEvent[]>> {
    const steps = rowsOf(batch, (change) => change.progress).flatMap(({ waIds, ...step }) =>
      waIds.map((waId) => ({ ...step, ...originColumns(step), waId })),
    );
    if (steps.length === 0) return new Map();
    // Sent together. The second statement reads what the first one wrote.
    const [told, moved] = await Promise.all([recordReceipts(batch, steps), moveForward(batch, steps)]);
    const statusOf = new Map(moved.map(({ messageId, status }) => [messageId, status]));
    return eventsOf(steps, told, statusOf);
  },
  events: ({ instanceId, change }: RecordedChange, events: Map<string, NewEvent[]>) =>
    (change.progress ?? []).flatMap((receipt) =>
      receipt.waIds.flatMap((waId) => {
        const found = take(events, stepKey({ ...receipt, instanceId, waId })) ?? [];
        return slotsOf[receipt.status].map((type) => found.find((event) => event.type === type));
      }),
    ),
} satisfies Writer<Map<string, NewEvent[]>>;

/** The events that a receipt can cause. A person who played a message has also read it. */
const slotsOf = {
  delivered: ["message.delivered"],
  read: ["message.read"],
  played: ["message.read", "message.played"],
} as const;

interface ProgressStep extends ReturnType<typeof originColumns> {
  instanceId: string;
  waId: string;
  status: Receipt["status"];
  by: string;
  /** Unix seconds. */
  timestamp: number;
}

const stepKey = ({ instanceId, waId, status, by }: Pick<ProgressStep, "instanceId" | "waId" | "status" | "by">) =>
  `${instanceId} ${waId} ${status} ${by}`;

/** A step that counts: the message and the person that it is about, and what was known about them before. */
interface Told {
  /** Index of the step. */
  step: number;
  id: string;
  chatId: string;
  status: MessageStatus;
  jid: string;
  lid: string | null;
  wasDelivered: boolean;
  wasRead: boolean;
  wasPlayed: boolean;
}

/**
 * Stores receipts, one row per message and person, and returns the steps that count. A member of a group is the one whom
 * the list of recipients has, so that the same person under two JIDs is one row.
 */
async function recordReceipts({ sql }: Batch, steps: readonly ProgressStep[]): Promise<Told[]> {
  const names = steps.map(({ person, otherPerson, by }) => {
    const jids = [person, otherPerson].filter((jid) => jid !== null);
    const lid = jids.find(isLidJid) ?? null;
    return { lid, jid: jids.find((jid) => jid.endsWith("@s.whatsapp.net")) ?? null, by };
  });
  return await sql<Told[]>`
    with step as (
      select * from unnest(${steps.map((_, index) => index)}::int[], ${steps.map((step) => step.instanceId)}::uuid[],
        ${steps.map((step) => step.waId)}::text[], ${steps.map((step) => step.status)}::text[],
        ${steps.map((step) => step.timestamp)}::float8[], ${names.map(({ jid }) => jid)}::text[],
        ${names.map(({ lid }) => lid)}::text[], ${names.map(({ by }) => by)}::text[],
        ${steps.map((step) => step.chat)}::text[], ${steps.map((step) => step.otherChat)}::text[],
        ${steps.map((step) => step.person)}::text[], ${steps.map((step) => step.otherPerson)}::text[])
        as step(ord, instance_id, wa_id, type, seconds, phone, lid, by, chat, other_chat, person, other_person)
    ), told as materialized (
      select step.ord, step.type, to_timestamp(step.seconds) as at, messages.id, messages.chat_id, messages.status,
        coalesce(split_part(member.entry, ' ', 1), known.jid, step.phone, contact.jid, step.by) as jid,
        coalesce(nullif(split_part(member.entry, ' ', 2), ''), step.lid, contact.lid) as lid
      from step join messages on messages.instance_id = step.instance_id and messages.wa_id = step.wa_id
        and messages.from_me and messages.status in ('pending', 'sent', 'delivered', 'read')
        and messages.instance_id = any(${unique(steps.map((step) => step.instanceId))}::uuid[])
        and messages.wa_id = any(${unique(steps.map((step) => step.waId))}::text[])
        and ${wasSentTo(sql, "step")}
      left join lateral (
        select entry from recipient_lists, unnest(people) entry
        where recipient_lists.instance_id = messages.instance_id and hash = messages.recipients
          and string_to_array(entry, ' ') && array[step.person, step.other_person] limit 1
      ) member on true
      left join lateral (
        select jid from message_receipts
        where message_id = messages.id and jid in (step.person, step.other_person) limit 1
      ) known on true
      left join lateral (
        select jid, lid from contacts where instance_id = messages.instance_id
          and (jid = step.phone or (step.phone is null and contacts.lid = step.lid)) limit 1
      ) contact on true
    ), written as (
      insert into message_receipts (message_id, jid, lid, delivered_at, read_at, played_at)
      select id, jid, max(lid), min(at), min(at) filter (where type <> 'delivered'), min(at) filter (where type = 'played')
      from told group by id, jid order by id, jid
      on conflict (message_id, jid) do update set lid = coalesce(message_receipts.lid, excluded.lid),
        read_at = coalesce(message_receipts.read_at, excluded.read_at),
        played_at = coalesce(message_receipts.played_at, excluded.played_at)
      where (message_receipts.read_at is null and excluded.read_at is not null)
        or (message_receipts.played_at is null and excluded.played_at is not null)
    )
    select told.ord as step, told.id, told.chat_id as "chatId", told.status, told.jid, told.lid,
      before.message_id is not null as "wasDelivered", before.read_at is not null as "wasRead",
      before.played_at is not null as "wasPlayed"
    from told left join message_receipts before on before.message_id = told.id and before.jid = told.jid
    order by told.ord`;
}

/** Returns what is new in these steps, as events by step. Several steps may be about the same person and message. */
function eventsOf(
  steps: readonly ProgressStep[],
  told: readonly Told[],
  statusOf: ReadonlyMap<string, MessageStatus>,
): Map<string, NewEvent[]> {
  const known = new Map<string, Set<string>>();
  const events = new Map<string, NewEvent[]>();
  for (const { step: index, id, chatId, jid: by, lid: byLid, ...before } of told) {
    const step = steps[index];
    if (!step) continue;
    const person = `${id} ${by}`;
    const seen = known.get(person) ?? seenBefore(before);
    known.set(person, seen);
    const types = slotsOf[step.status].filter((type) => !seen.has(type));
    for (const type of ["message.delivered", ...types]) seen.add(type);
    const messageStatus = statusOf.get(id) ?? before.status;
    const data = { messageId: step.waId, chatId, by, byLid, timestamp: step.timestamp, messageStatus };
    const key = stepKey(step);
    events.set(key, [...(events.get(key) ?? []), ...types.map((type): NewEvent => ({ type, data }))]);
  }
  return events;
}

const seenBefore = ({ wasDelivered, wasRead, wasPlayed }: Pick<Told, "wasDelivered" | "wasRead" | "wasPlayed">) =>
  new Set([
    ...(wasDelivered ? ["message.delivered"] : []),
    ...(wasRead ? ["message.read"] : []),
    ...(wasPlayed ? ["message.played"] : []),
  ]);

/**
 * Moves the status of messages forward, as far as their receipts allow, and returns the messages that changed. A group
 * message is `delivered` and `read` when each member to whom it was sent has received and read it. For other chats, for
 * status posts, and for messages without a list of members (from the phone, or from an older version), one receipt is
 * enough. When the list of a message has expired, its status no longer changes.
 */
async function moveForward({ sql }: Batch, steps: readonly ProgressStep[]) {
  const everyone = (column: "delivered_at" | "read_at") => sql`
    case
      when sent.recipients is null or list.hash is not null and list.people is null then receipts.${sql(column)} is not null
      else list.hash is not null and not exists (
        select from unnest(list.people) entry where not exists (
          select from message_receipts where message_id = sent.id and jid = split_part(entry, ' ', 1)
            and message_receipts.${sql(column)} is not null))
    end`;
  return await sql<{ messageId: string; status: MessageStatus }[]>`
    update messages set status = reached.status,
      delivered_at = coalesce(messages.delivered_at, reached.delivered_at),
      read_at = case when reached.status = 'read' then reached.read_at end
    from (
      select sent.id, receipts.delivered_at, receipts.read_at, case
          when sent.status <> 'delivered' and not (${everyone("delivered_at")}) then sent.status
          when ${everyone("read_at")} then 'read'
          else 'delivered'
        end as status
      from messages sent
      left join recipient_lists list on list.instance_id = sent.instance_id and list.hash = sent.recipients
      cross join lateral (
        select max(delivered_at) as delivered_at, max(read_at) as read_at from message_receipts where message_id = sent.id
      ) receipts
      where sent.instance_id = any(${unique(steps.map((step) => step.instanceId))}::uuid[])
        and sent.wa_id = any(${unique(steps.map((step) => step.waId))}::text[])
        and sent.from_me and sent.status in ('pending', 'sent', 'delivered') and receipts.delivered_at is not null
    ) reached
    where messages.id = reached.id and messages.status <> reached.status
    returning messages.id as "messageId", messages.status`;
}

/** Returns a value and removes it from the map. */
function take<Value>(map: Map<string, Value>, key: string): Value | undefined {
  const value = map.get(key);
  map.delete(key);
  return value;
}
