import { isDeepStrictEqual } from "node:util";
import { storableJson, storableText } from "../../../core/db/index.ts";
import type { NewEvent } from "../../../core/event/catalog/index.ts";
import { withEdit } from "../../../core/message/content/edit.ts";
import type { Content } from "../../../core/message/content/index.ts";
import { contextAfterEdit, contextForEvent, type MessageContext } from "../../../core/message/context.ts";
import { authorOf } from "../author.ts";
import type { MessageAuthor, Revision } from "../change.ts";
import type { Batch, RecordedChange, Writer } from "../writer.ts";
import { countAsRead } from "./chats.ts";

/**
 * Edits and deletes messages, one after the other, because an edit depends on the message before it. An edit that is
 * older than the last edit, and a repeated revision, change and announce nothing.
 */
export const revisions = {
  async write(batch: Batch) {
    const announced = new Map<Revision, NewEvent | undefined>();
    for (const { instanceId, change } of batch.changes)
      for (const revision of change.revisions ?? []) announced.set(revision, await revise(batch, instanceId, revision));
    return announced;
  },
  events: ({ change }: RecordedChange, announced: Map<Revision, NewEvent | undefined>) =>
    (change.revisions ?? []).map((revision) => announced.get(revision)),
} satisfies Writer<Map<Revision, NewEvent | undefined>>;

/** A message before an edit or deletion. */
interface Revised {
  id: string;
  chatId: string;
  author: MessageAuthor;
  type: string;
  protoType: string;
  body: string;
  content: Content | null;
  context: MessageContext | null;
  editedAt: Date | null;
}

async function revise({ sql }: Batch, instanceId: string, revision: Revision): Promise<NewEvent | undefined> {
  const { waId, chatIds, author, by, byLid, pushName, fromMe, at } = revision;
  const byAuthor =
    author === "me"
      ? sql`from_me`
      : sql`not from_me and (sender_id = any(${author}::text[]) or sender_lid = any(${author}::text[]))`;
  const rows = await sql<Revised[]>`
    select id, chat_id as "chatId", ${authorOf(sql)} as author, type, proto_type as "protoType", body, content, context,
      edited_at as "editedAt"
    from messages
    where instance_id = ${instanceId} and wa_id = ${waId} and chat_id = any(${chatIds}::text[]) and ${byAuthor}
      and deleted_at is null and status not in ('failed', 'canceled') and type <> 'reaction'
    for update`;
  const [row] = rows;
  if (!row) return undefined;
  const about = { messageId: waId, chatId: row.chatId, by, byLid, pushName, fromMe };
  const data = {
    ...about,
    timestamp: Math.floor(at.getTime() / 1000),
    author: row.author,
    known: true,
    readable: true,
  };
  if (revision.kind === "delete") {
    const ids = rows.map(({ id }) => id);
    await sql`update messages set deleted_at = ${at} where id = any(${ids}::uuid[])`;
    await countAsRead(sql, sql`instance_id = ${instanceId} and id = any(${ids}::uuid[])`);
    return { type: "message.deleted", data };
  }
  const [edited] = (await Promise.all(rows.map((one) => edit(sql, one, revision)))).filter((one) => one !== undefined);
  if (!edited) return undefined;
  const { content, context } = edited;
  const { mentions, context: shown } = contextForEvent(context);
  const { body } = revision.edited;
  const truncated = revision.truncated ? { truncated: true as const } : {};
  return { type: "message.edited", data: { ...data, body, content, mentions, context: shown, ...truncated } };
}

/** Stores an edit. Returns the new content and context, or undefined if the edit is older than the last one. */
async function edit(sql: Batch["sql"], row: Revised, revision: Revision & { kind: "edit" }) {
  const { body, content: given, protoType, context: stated, payload } = revision.edited;
  const content = withEdit(row.content, given, row.type);
  const context = contextAfterEdit(row.context, stated);
  const changed =
    storableText(body) !== row.body ||
    !isDeepStrictEqual(JSON.parse(storableJson([content, context])), [row.content, row.context ?? {}]);
  if (!isNewer(row, revision, changed)) return undefined;
  const replaced = content?.kind === given?.kind && content?.kind !== row.content?.kind;
  const at = new Date(Math.max(revision.at.getTime(), row.editedAt?.getTime() ?? 0));
  await sql`
    update messages set body = ${storableText(body)}, content = ${content && storableJson(content)}::text::jsonb,
      context = ${Object.keys(context).length > 0 ? storableJson(context) : null}::text::jsonb, 
      type = ${replaced ? (revision.edited.type ?? row.type) : row.type},
      proto_type = ${replaced ? (protoType ?? row.protoType) : row.protoType}, payload = coalesce(${payload}, payload),
      edited_at = ${at}
    where id = ${row.id}`;
  return { content, context };
}

/** Whether an edit is later than the last one. An edit of the same time is repeated unless it changes something. */
function isNewer({ editedAt }: Revised, { at, byArrival }: Revision & { kind: "edit" }, changed: boolean): boolean {
  if (!editedAt || editedAt < at) return true;
  const isSameTime = byArrival ? secondOf(editedAt) === secondOf(at) : editedAt.getTime() === at.getTime();
  return isSameTime && changed;
}

const secondOf = (time: Date) => Math.floor(time.getTime() / 1000);
