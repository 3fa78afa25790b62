import type { Content } from "../message/content/index.ts";
import type { MessageContext } from "../message/context.ts";
import { isPersonJid, names, type Person, withoutPerson } from "./person.ts";
import { has, sliceSize } from "./place.ts";
import { places } from "./places.ts";
import { type Step, scanning } from "./step.ts";

/**
 * Deletes the messages of the person, and those of the chat with the person, with their files. Files first, because
 * otherwise nothing would name them any more. Receipts, marks to read and the search index follow by references.
 */
export const deleteMessages: Step = async (scope) => {
  const { sql, storage, instanceId } = scope;
  const { jids } = scope.person;
  const rows = await sql<{ id: string; waId: string; key: string | null; jids: string[] }[]>`
    select id, wa_id as "waId", media->>'storageKey' as key,
      case when sender_id = any(${jids}::text[]) or sender_lid = any(${jids}::text[])
        then array_remove(array[nullif(sender_id, ''), sender_lid], null) else '{}' end as jids
    from messages
    where instance_id = ${instanceId} and (${places.messages.hit(scope)})
    limit ${sliceSize} for update`;
  await storage.removeMany(rows.flatMap(({ key }) => key ?? []));
  const waIds = rows.map(({ waId }) => waId);
  const { count: inbox } = await sql`
    delete from session_inbox where instance_id = ${instanceId} and wa_id = any(${waIds}::text[])`;
  await sql`delete from messages where id = any(${rows.map(({ id }) => id)}::uuid[])`;
  return {
    counts: { messages: rows.length, session_inbox: inbox },
    cursor: rows.length === sliceSize ? "more" : null,
    found: rows.flatMap((row) => row.jids).filter(isPersonJid),
  };
};

interface Row {
  id: string;
  type: string;
  body: string;
  content: Content | null;
  context: MessageContext | null;
  payload: Uint8Array | null;
}

/**
 * Removes the person from the messages of others: quotes of the person, mentions, contact cards. Their protobufs have the
 * same, so they are dropped.
 */
export const scrubMessages: Step = scanning(places.messagesNaming, async ({ sql, person }, ids) => {
  const rows = await sql<Row[]>`
      select id, type, body, content, context, payload from messages where id = any(${ids}::uuid[]) for update`;
  for (const row of rows) {
    const context = contextWithout(row.context, person);
    const content = withoutPerson(row.content, person);
    // The body of a contact card is the name.
    const isCard = names(row.content, person) && /contact/i.test(row.type);
    const body = isCard ? "" : row.body.replace(person.regex, "erased");
    await sql`
        update messages set body = ${body}, content = ${json(content)}::text::jsonb, context = ${json(context)}::text::jsonb,
          push_name = case when push_name ~ ${person.pattern} then null else push_name end,
          error = case when error ~ ${person.pattern} then null else error end, payload = null
        where id = ${row.id}`;
  }
  return { messages_of_others: rows.length };
});

const json = (value: unknown) => (value === null || value === undefined ? null : JSON.stringify(value));

function contextWithout(context: MessageContext | null, person: Person): unknown {
  if (!context) return null;
  const { quotedSender, quotedBody, quoted, ...rest } = context;
  const isQuoted = names([quotedSender, quotedBody, quoted], person);
  return withoutPerson(isQuoted ? rest : context, person);
}

/** Deletes the person's receipts of the account's messages, which have no index by person. */
export const deleteReceipts: Step = scanning(places.messagesReceived, async (scope, ids) => {
  const { sql } = scope;
  const { count } = await sql`
    delete from message_receipts where message_id = any(${ids}::uuid[]) and (${has("jid", "lid")(scope)})`;
  return { message_receipts: count };
});
