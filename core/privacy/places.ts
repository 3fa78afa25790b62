import { bytesMention, has, type LargePlace, mentionedIn, type PersonScope, type Place } from "./place.ts";

const few = (table: string, hit: Place["hit"], within?: Place["within"]): Place => ({
  table,
  hit,
  ...(within && { within }),
});
const large = (table: string, order: LargePlace["order"], hit: Place["hit"]): LargePlace => ({ table, order, hit });
const itself = ({ sql, instanceId }: PersonScope) => sql`id = ${instanceId}`;

const waitingNoteOf = mentionedIn("sender_id", "envelope");
const messageNaming = mentionedIn("body", "content", "context", "push_name", "error");

/** Everything that names a person. The coverage list of the tests says what each table needs. */
export const places = {
  commands: large(
    "commands",
    "created_at",
    mentionedIn("input", "output", "error_details", "correlation_id", "request_id"),
  ),
  events: large("events", "seq", mentionedIn("data", "correlation_id", "parked_reason")),
  deliveries: large("deliveries", "created_at", mentionedIn("body", "correlation_id")),
  replies: few(
    "replies",
    mentionedIn("reply", "deduplication_id"),
    ({ sql, instanceId }) => sql`reply->>'instanceId' = ${instanceId}`,
  ),
  reactions: few("reactions", has("chat_id", "sender_id", "sender_lid")),
  messageMarks: few("message_marks", has("chat_id", "sender_id")),
  responses: few("responses", has("chat_id", "sender_id")),
  /** Messages of the person, and those of the chat with the person. */
  messages: large("messages", "sent_at", has("chat_id", "sender_id", "sender_lid")),
  /** Messages that quote or mention the person, or have the contact card. */
  messagesNaming: large(
    "messages",
    "sent_at",
    (scope) => scope.sql`(${messageNaming(scope)} or ${bytesMention(scope, "payload")})`,
  ),
  /** Messages that the person got, read or played. */
  messagesReceived: large(
    "messages",
    "sent_at",
    (scope) => scope.sql`
      exists (select from message_receipts r where r.message_id = messages.id and (${has("r.jid", "r.lid")(scope)}))`,
  ),
  messageDays: few("message_days", has("chat_id")),
  contacts: few("contacts", has("jid", "lid")),
  unknownNumbers: few("unknown_numbers", has("jid")),
  chats: few("chats", has("chat_id", "state_jid")),
  chatTimers: few("chat_timers", has("chat_id")),
  callAnswers: few("call_answers", has("caller")),
  labelTargets: few("label_targets", has("chat_id")),
  recipientLists: few("recipient_lists", (scope) => {
    const lists = scope.sql`concat_ws(' ', array_to_string(jids, ' '), array_to_string(people, ' '))`;
    return scope.sql`(${lists} ~ ${scope.person.pattern})`;
  }),
  unreadableMessages: few("unreadable_messages", mentionedIn("sender", "sender_alt", "attrs")),
  refusedStanzas: few("refused_stanzas", mentionedIn("sender", "stanza_id", "error")),
  waitingNotes: few(
    "waiting_notes",
    (scope) => scope.sql`${waitingNoteOf(scope)} or ${bytesMention(scope, "payload")}`,
  ),
  sessionKeys: few(
    "session_keys",
    ({ sql, person }) => sql`type <> 'creds' and type not like 'app-state%' and key_id ~ ${person.pattern}`,
  ),
  historyParts: few("history_parts", ({ sql, person }) => sql`state <> 'waiting' and cursor::text ~ ${person.pattern}`),
  broadcasts: few("broadcasts", mentionedIn("recipients")),
  bulks: few("bulks", mentionedIn("rejected")),
  activities: few("activities", mentionedIn("details")),
  webhooks: few("webhooks", mentionedIn("filters")),
  webhookFilters: few("instances", mentionedIn("webhook_filters"), itself),
  ignoreRules: few("instances", mentionedIn("ignore_rules"), itself),
  metadata: few("instances", mentionedIn("metadata"), itself),
} as const satisfies Record<string, Place | LargePlace>;
