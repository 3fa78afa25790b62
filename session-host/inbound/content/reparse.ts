import type { Database } from "../../../core/db/index.ts";
import { storableJson, storableText } from "../../../core/db/index.ts";
import { readWithinBytes } from "../../../core/db/page.ts";
import { withEdit, withEditedText } from "../../../core/message/content/edit.ts";
import { type Content, contentVersion, textOf } from "../../../core/message/content/index.ts";
import { typeOf } from "../message/content.ts";
import { readContent, unknownType } from "./index.ts";
import { openPayload } from "./stored.ts";

/** Messages in one slice. A slice has at most 3 MB (`readWithinBytes`). */
const sliceRows = 200;

interface StoredMessage {
  id: string;
  payload: Buffer;
  type: string;
  protoType: string;
  body: string;
  content: Content | null;
  editedAt: Date | null;
}

/** What a slice did, and where the next one starts. */
export interface ReparsedSlice {
  /** The number of messages that were read again. */
  read: number;
  /** The id of the last message. Undefined if no message is left. */
  last: string | undefined;
}

/**
 * Reads the content of stored messages again, of those that an older version of the parsers read. Handles one slice, in
 * the order of the ids, and starts after the message `after`. Sends no events. A message that is edited meanwhile is
 * left for the next run.
 */
export async function reparseSlice({ sql }: Database, after: string | undefined): Promise<ReparsedSlice> {
  const rows = sql`
    select id, payload, type, proto_type as "protoType", body, content, edited_at as "editedAt" from messages
    where payload is not null and (content_version is null or content_version < ${contentVersion})
      and id > ${after ?? "00000000-0000-0000-0000-000000000000"}
    order by id limit ${sliceRows}`;
  const { items } = await readWithinBytes<StoredMessage>(sql, rows, sql`octet_length(payload)`);
  if (items.length === 0) return { read: 0, last: undefined };
  const updates = items.map(reread);
  await sql`
    update messages set content = t.content::jsonb, content_version = ${contentVersion}, body = t.body, type = t.type,
      proto_type = t.proto_type
    from unnest(${items.map(({ id }) => id)}::uuid[], ${updates.map(({ content }) => content)}::text[],
      ${updates.map(({ body }) => body)}::text[], ${updates.map(({ type }) => type)}::text[],
      ${updates.map(({ protoType }) => protoType)}::text[],
      ${items.map(({ editedAt }) => editedAt?.toISOString() ?? null)}::timestamptz[])
      as t(id, content, body, type, proto_type, edited_at)
    where messages.id = t.id and messages.edited_at is not distinct from t.edited_at`;
  return { read: items.length, last: items.at(-1)?.id };
}

/** Returns the columns of a message as this version reads them. The type changes only if it was unknown. */
function reread({ payload, type, protoType, body, content: stored, editedAt }: StoredMessage) {
  const read = readContent(openPayload(payload));
  const parsed: Content | null = read?.content ?? null;
  const content = parsed && editedAt ? afterEdit(parsed, { content: stored, type, body }) : parsed;
  const wasUnknown = protoType === unknownType && read !== undefined;
  return {
    content: content && storableJson(content),
    // An older version left the body empty, or knew only that it could not read the message.
    body: content && (body === "" || wasUnknown) && !editedAt ? storableText(textOf(content)) : body,
    type: wasUnknown ? typeOf(read.protoType, read.content) : type,
    protoType: wasUnknown ? read.protoType : protoType,
  };
}

/**
 * Returns the content of an edited message. Its protobuf is the first one, so the stored content has the edit. An older
 * version stored only the new text.
 */
const afterEdit = (first: Content, { content, type, body }: Pick<StoredMessage, "content" | "type" | "body">) =>
  content ? withEdit(first, content, type) : withEditedText(first, body);
