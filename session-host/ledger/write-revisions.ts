import type postgres from "postgres";
import { storableJson, storableText } from "../../core/db/index.ts";
import type { NewEvent } from "../../core/event/catalog/index.ts";
import { authorOf } from "./author.ts";
import type { EditedMessage, MessageAuthor, Revision } from "./change.ts";
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

async function revise({ sql }: Batch, instanceId: string, revision: Revision): Promise<NewEvent | undefined> {
  const { waId, chatIds, author, by, byLid, pushName, fromMe } = revision;
  const at = revision.at.toISOString();
  const set = revision.kind === "edit" ? setEdited(sql, revision.edited, at) : sql`deleted_at = ${at}::timestamptz`;
  const newer =
    revision.kind === "edit"
      ? sql`and (edited_at is null or edited_at < ${at}::timestamptz
          or (edited_at = ${at}::timestamptz and body <> ${storableText(revision.edited.body)}))`
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
  const data = { ...common, author: row.author, known: true, readable: true };
  if (revision.kind === "delete") return { type: "message.deleted", data };
  const { body, content } = revision.edited;
  return {
    type: "message.edited",
    data: { ...data, body, content, ...(revision.truncated ? { truncated: true } : {}) },
  };
}

/** The new columns of an edited message. */
function setEdited(sql: Batch["sql"], { body, content, survey }: EditedMessage, at: string) {
  const text = storableText(body);
  if (!survey) return sql`body = ${text}, content = ${editedContent(sql, text)}, edited_at = ${at}::timestamptz`;
  return sql`body = ${text}, content = ${content && storableJson(content)}::text::jsonb, payload = ${survey.payload},
    context = coalesce(context, '{}') || ${storableJson(survey.context)}::text::jsonb, edited_at = ${at}::timestamptz`;
}

/** Like `withEditedText` of `core/message/content`. */
const editedContent = (sql: postgres.ISql, body: string) => sql`
  case when content->>'kind' = 'text' then content || jsonb_build_object('text', ${body}::text, 'linkPreview',
      case when strpos(${body}::text, content#>>'{linkPreview,url}') > 0 then content->'linkPreview' end)
    when content->>'kind' in ('image', 'video', 'document')
      then content || jsonb_build_object('caption', nullif(${body}::text, ''))
    else content end`;
