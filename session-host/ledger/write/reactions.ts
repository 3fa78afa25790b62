import { storableText } from "../../../core/db/index.ts";
import type { NewEvent } from "../../../core/event/catalog/index.ts";
import { authorOf } from "../author.ts";
import type { AboutMessage, MessageAuthor, NewMark, NewReaction } from "../change.ts";
import { type Batch, type RecordedChange, type Writer, writeEach } from "../writer.ts";

/** The message that something is about, if the history has it. */
interface Target {
  chat_id: string;
  author: MessageAuthor | null;
  known: boolean;
}

/**
 * An SQL query for the `Target` of something. The sender of a message chooses its id: of several messages with the id,
 * the query returns the account's own message, otherwise the first one.
 */
const targetOf = ({ sql }: Batch, instanceId: string, { waId, chatIds }: AboutMessage) => sql`
  select coalesce(found.chat_id, ${chatIds[0] ?? ""}::text) as chat_id, found.author, found.author is not null as known
  from (select 1) one left join lateral (
    select chat_id, ${authorOf(sql)} as author from messages
    where instance_id = ${instanceId} and wa_id = ${waId} and chat_id = any(${chatIds}::text[])
    order by from_me desc, sent_at, id limit 1) found on true`;

/** Returns the fields that all events about another message share. */
function fieldsOf({ waId, by, byLid, pushName, fromMe, at, author }: AboutMessage, target: Target) {
  const person = { by, byLid, pushName, fromMe, timestamp: Math.floor(at.getTime() / 1000) };
  return {
    messageId: waId,
    chatId: target.chat_id,
    ...person,
    author: target.author ?? author,
    known: target.known,
    readable: true,
  };
}

/** Writes reactions. Ignores a reaction unless it is newer than the person's last reaction to the message. */
export const reactions = {
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.reactions,
      (reaction, { instanceId }) => react(batch, instanceId, reaction),
    ),
  events: ({ change }: RecordedChange, announced: Map<NewReaction, NewEvent | undefined>) =>
    (change.reactions ?? []).map((reaction) => announced.get(reaction)),
} satisfies Writer<Map<NewReaction, NewEvent | undefined>>;

async function react(batch: Batch, instanceId: string, reaction: NewReaction): Promise<NewEvent | undefined> {
  const { waId, by, byLid, pushName, fromMe, emoji, reactionId, at } = reaction;
  // A person may have reacted before under the other JID.
  const people = fromMe ? [""] : [by, ...(byLid ? [byLid] : [])];
  const [target] = await batch.sql<Target[]>`
    with target as (${targetOf(batch, instanceId, reaction)}), written as (
      insert into reactions (instance_id, chat_id, wa_id, sender_id, sender_lid, push_name, emoji, reacted_at)
      select ${instanceId}::uuid, chat_id, ${waId}::text, coalesce((
          select sender_id from reactions where instance_id = ${instanceId} and chat_id = target.chat_id and wa_id = ${waId}
            and sender_id = any(${people}::text[]) limit 1), ${people[0] ?? ""}::text),
        ${byLid}::text, ${pushName}::text, ${storableText(emoji)}::text, ${at.toISOString()}::timestamptz
      from target
      on conflict (instance_id, chat_id, wa_id, sender_id) do update
        set sender_lid = excluded.sender_lid, push_name = excluded.push_name, emoji = excluded.emoji,
          reacted_at = excluded.reacted_at
        where reactions.reacted_at < excluded.reacted_at
          or (reactions.reacted_at = excluded.reacted_at and reactions.emoji <> excluded.emoji)
      returning 1)
    select target.* from target, written`;
  if (!target || reaction.imported) return undefined;
  const data = { ...fieldsOf(reaction, target), emoji, removed: emoji === "", reactionId };
  return { type: "message.reaction", data };
}

/** Writes pins and keeps. Ignores a mark unless it is newer than the last mark of its kind. */
export const marks = {
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.marks,
      (mark, { instanceId }) => setMark(batch, instanceId, mark),
    ),
  events: ({ change }: RecordedChange, announced: Map<NewMark, NewEvent | undefined>) =>
    (change.marks ?? []).map((mark) => announced.get(mark)),
} satisfies Writer<Map<NewMark, NewEvent | undefined>>;

async function setMark(batch: Batch, instanceId: string, mark: NewMark): Promise<NewEvent | undefined> {
  const { waId, kind, active, by, fromMe, at, duration } = mark;
  const expiresAt = active && duration ? new Date(at.getTime() + duration * 1000).toISOString() : null;
  const [target] = await batch.sql<Target[]>`
    with target as (${targetOf(batch, instanceId, mark)}), written as (
      insert into message_marks (instance_id, chat_id, wa_id, kind, active, sender_id, marked_at, until)
      select ${instanceId}::uuid, chat_id, ${waId}::text, ${kind}::text, ${active}::boolean, ${fromMe ? "" : by}::text, ${at.toISOString()}::timestamptz,
        ${expiresAt}::timestamptz
      from target
      on conflict (instance_id, chat_id, wa_id, kind) do update
        set active = excluded.active, sender_id = excluded.sender_id, marked_at = excluded.marked_at, until = excluded.until
        where message_marks.marked_at < excluded.marked_at
          or (message_marks.marked_at = excluded.marked_at and message_marks.active <> excluded.active)
      returning 1)
    select target.* from target, written`;
  if (!target) return undefined;
  const fields = fieldsOf(mark, target);
  return kind === "pin"
    ? { type: "message.pinned", data: { ...fields, pinned: active, duration: active ? duration : null, expiresAt } }
    : { type: "message.kept", data: { ...fields, kept: active } };
}
