import type postgres from "postgres";
import type { Fragment } from "../db/page.ts";
import { blankCommands, cancelSends } from "./commands.ts";
import { deleteMessages, deleteReceipts, scrubMessages } from "./messages.ts";
import { withoutPerson } from "./person.ts";
import { bytesMention, deleting, mentions, type Step, type StepScope, scanning } from "./step.ts";

/** A condition: one of these columns has a JID of the person. */
const has =
  (...columns: string[]) =>
  ({ sql, person }: StepScope): Fragment =>
    columns
      .map((column) => sql`${sql(column)} = any(${person.jids}::text[])`)
      .reduce((all, one) => sql`${all} or ${one}`);

/** An event stays in the log as `event.erased`, so that the log has no gap. */
const eraseEvents = scanning(
  "events",
  "seq",
  mentions((sql) => sql`concat_ws(' ', data, correlation_id, parked_reason)`),
  async ({ sql }, ids) => {
    await sql`delete from deliveries where event_id = any(${ids}::uuid[])`;
    const { count } = await sql`
      update events set type = 'event.erased', data = '{}', correlation_id = id::text, parked_reason = null
      where id = any(${ids}::uuid[]) and type <> 'event.erased'`;
    return { events: count };
  },
);

const deleteDeliveries = scanning(
  "deliveries",
  "created_at",
  mentions((sql) => sql`concat_ws(' ', body, correlation_id)`),
  async ({ sql }, ids) => {
    const { count } = await sql`delete from deliveries where id = any(${ids}::uuid[])`;
    return { deliveries: count };
  },
);

/** A step that removes the person from JSON columns of the few rows of a table that name the person. */
const scrubbing =
  (table: string, key: string, column: string, where: (sql: postgres.ISql, instanceId: string) => Fragment): Step =>
  async ({ sql, instanceId, person }) => {
    const rows = await sql<{ id: string; value: unknown }[]>`
      select ${sql(key)} as id, ${sql(column)} as value from ${sql(table)}
      where ${where(sql, instanceId)} and ${sql(column)}::text ~ ${person.pattern} limit 200 for update`;
    for (const { id, value } of rows)
      await sql`
        update ${sql(table)} set ${sql(column)} = ${JSON.stringify(withoutPerson(value, person))}::text::jsonb
        where ${sql(key)} = ${id}`;
    return { counts: { [table]: rows.length }, cursor: rows.length === 200 ? "more" : null };
  };

const ofInstance = (sql: postgres.ISql, instanceId: string) => sql`instance_id = ${instanceId}`;
const itself = (sql: postgres.ISql, instanceId: string) => sql`id = ${instanceId}`;

const resetHistoryCursors: Step = async ({ sql, instanceId, person }) => {
  const { count } = await sql`
    update history_parts set cursor = null
    where instance_id = ${instanceId} and state <> 'waiting' and cursor::text ~ ${person.pattern}`;
  return { counts: { history_parts: count }, cursor: null };
};

/** The steps for each instance, in order. `coverage.ts` says what each table needs. */
export const steps: readonly Step[] = [
  // First, so that the steps after them find what these sends and their end have written.
  cancelSends,
  blankCommands,
  eraseEvents,
  deleteDeliveries,
  async ({ sql, instanceId, person }) => {
    const { count } = await sql`
      delete from replies where reply->>'instanceId' = ${instanceId} and concat_ws(' ', reply, deduplication_id) ~ ${person.pattern}`;
    return { counts: { replies: count }, cursor: null };
  },
  deleting("reactions", has("chat_id", "sender_id", "sender_lid")),
  deleting("message_marks", has("chat_id", "sender_id")),
  deleting("responses", has("chat_id", "sender_id")),
  deleteMessages,
  deleteReceipts,
  scrubMessages,
  deleting("message_days", has("chat_id")),
  deleting("contacts", has("jid", "lid")),
  deleting("unknown_numbers", has("jid")),
  deleting("chats", has("chat_id", "state_jid")),
  deleting("chat_timers", has("chat_id")),
  deleting("call_answers", has("caller")),
  deleting("label_targets", has("chat_id")),
  deleting(
    "recipient_lists",
    mentions((sql) => sql`concat_ws(' ', array_to_string(jids, ' '), array_to_string(people, ' '))`),
  ),
  deleting(
    "unreadable_messages",
    mentions((sql) => sql`concat_ws(' ', sender, sender_alt, attrs)`),
  ),
  // Stanzas of groups are encrypted, so it is not known whose they are.
  deleting(
    "refused_stanzas",
    (scope) => scope.sql`
      ${mentions((sql) => sql`concat_ws(' ', sender, stanza_id, error)`)(scope)}
        or sender like '%@g.us' or sender like '%@broadcast'`,
  ),
  deleting(
    "waiting_notes",
    (scope) => scope.sql`
      ${mentions((sql) => sql`concat_ws(' ', sender_id, envelope)`)(scope)} or ${bytesMention(scope, "payload")}`,
  ),
  deleting(
    "session_keys",
    ({ sql, person }) => sql`type <> 'creds' and type not like 'app-state%' and key_id ~ ${person.pattern}`,
  ),
  resetHistoryCursors,
  scrubbing("broadcasts", "id", "recipients", ofInstance),
  scrubbing("bulks", "id", "rejected", ofInstance),
  scrubbing("activities", "id", "details", ofInstance),
  scrubbing("webhooks", "id", "filters", ofInstance),
  scrubbing("instances", "id", "webhook_filters", itself),
  scrubbing("instances", "id", "ignore_rules", itself),
  scrubbing("instances", "id", "metadata", itself),
];
