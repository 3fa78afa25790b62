import { storableText } from "../../core/db/index.ts";
import type { EventData, NewEvent } from "../../core/event/catalog/index.ts";
import type { Revision } from "./change.ts";
import { type Batch, type RecordedChange, type Writer, writeEach } from "./writer.ts";

/**
 * Edits and deletes messages. An edit that is older than the last edit, and a repeated revision, change and announce
 * nothing.
 */
export const revisions = {
  write: (batch: Batch) =>
    writeEach(
      batch,
      (change) => change.revisions,
      (revision, { instanceId }) => revise(batch, instanceId, revision),
    ),
  events: ({ change }: RecordedChange, announced: Map<Revision, NewEvent | undefined>) =>
    (change.revisions ?? []).map((revision) => announced.get(revision)),
} satisfies Writer<Map<Revision, NewEvent | undefined>>;

type MessageAuthor = NonNullable<EventData<"message.edited">["author"]>;

/** An SQL expression for the author of a row of `messages`, in the form of events. */
export const authorOf = (sql: Batch["sql"]) => sql`
  case when messages.from_me then (
    select json_build_object('id', coalesce(phone_number || '@s.whatsapp.net', lid, ''), 'lid', lid, 'fromMe', true)
    from instances where instances.id = messages.instance_id)
  else json_build_object('id', messages.sender_id, 'lid', messages.sender_lid, 'fromMe', false) end`;

async function revise({ sql }: Batch, instanceId: string, revision: Revision): Promise<NewEvent | undefined> {
  const { waId, chatIds, author, by, byLid, pushName, fromMe } = revision;
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
  const byAuthor =
    author === "me"
      ? sql`from_me`
      : sql`not from_me and (sender_id = any(${author}::text[]) or sender_lid = any(${author}::text[]))`;
  const [row] = await sql<{ chat_id: string; author: MessageAuthor }[]>`
    update messages set ${set}
    where instance_id = ${instanceId} and wa_id = ${waId} and chat_id = any(${chatIds}::text[]) and ${byAuthor}
      and deleted_at is null and status not in ('failed', 'canceled') and type <> 'reaction' ${newer}
    returning chat_id, ${authorOf(sql)} as author`;
  if (!row) return undefined;
  const timestamp = Math.floor(revision.at.getTime() / 1000);
  const common = { messageId: waId, chatId: row.chat_id, by, byLid, pushName, fromMe, timestamp };
  const data = { ...common, author: row.author, known: true };
  return revision.kind === "edit"
    ? { type: "message.edited", data: { ...data, body, ...(revision.truncated ? { truncated: true } : {}) } }
    : { type: "message.deleted", data };
}
