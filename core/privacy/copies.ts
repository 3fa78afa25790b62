import { commandCatalog } from "../command/catalog/index.ts";
import { eventCatalog } from "../event/catalog/index.ts";
import { bytesOf, selectExported } from "../message/export/chat.ts";
import { type ExportedMessage, exportedFields } from "../message/export/lines.ts";
import { type Copy, copyFew, copyLarge, readHits } from "./copy.ts";
import { entriesAbout, names, partAbout } from "./person.ts";
import { has, type Place } from "./place.ts";
import { places } from "./places.ts";

type Shown = NonNullable<Parameters<typeof copyFew>[2]["shown"]>;

/** Limits these fields to what they say about the person. */
const parts =
  (...fields: string[]): Shown =>
  (row, { person }) => ({
    ...row,
    ...Object.fromEntries(fields.map((field) => [field, partAbout(row[field], person)])),
  });

/** Limits the row of a setting to its entries that name the person. */
const entries =
  (field: string): Shown =>
  (row, { person }) => ({ ...row, [field]: entriesAbout(row[field], person) });

/** Names as a list in SQL. They are ours, and have no quotes. */
const sqlList = (names: readonly string[]) => `array[${names.map((name) => `'${name}'`).join(", ")}]::text[]`;
const secretCommands = Object.values(commandCatalog).flatMap(({ name, secret }) => (secret ? [name as string] : []));
const sealedFields = Object.values(eventCatalog).flatMap((event) => ("sealed" in event ? [...event.sealed] : []));

const messages: Copy = {
  name: "messages",
  table: "messages",
  columns: [
    ..."wa_id chat_id from_me sender_id sender_lid push_name type body content media context status error".split(" "),
    ..."sent_at delivered_at read_at edited_at deleted_at payload".split(" "),
  ].map((column) => `messages.${column}`),
  read: (scope, cursor) => {
    const { sql, person } = scope;
    const own = places.messages.hit(scope);
    const all = { ...places.messages, hit: () => sql`(${own}) or ${places.messagesNaming.hit(scope)}` };
    return readHits<ExportedMessage & { hit: string; own: boolean; payload: string | null }>(
      all,
      scope,
      cursor,
      (ids) => ({
        // The protobuf has keys of files and votes. Only for an unknown message, nothing else has the content.
        page: sql`
        select ${selectExported(sql)}, id as hit, coalesce(${own}, false) as own,
          case when type = 'unknown' then encode(payload, 'base64') end as payload
        from messages where id = any(${ids}::uuid[]) order by sent_at, id`,
        bytes: sql`${bytesOf(sql)} + coalesce(octet_length(payload), 0)`,
        rowsOf: ({ hit: _hit, own: isOwn, payload, ...message }) => {
          const fields = exportedFields(message, scope.linkToFile);
          if (isOwn) return [{ relation: "own", data: { ...fields, payload } }];
          // The bytes of a protobuf can have the digits as a part of a longer number.
          if (!names(fields, person)) return [];
          return [{ relation: "named", data: partAbout(fields, person) as Record<string, unknown> }];
        },
      }),
    );
  },
};

const receipts: Copy = {
  name: "message_receipts",
  table: "message_receipts",
  columns: ["jid", "lid", "delivered_at", "read_at", "played_at"].map((column) => `message_receipts.${column}`),
  read: (scope, cursor) =>
    readHits<Record<string, unknown> & { hit: string }>(places.messagesReceived, scope, cursor, (ids) => ({
      page: scope.sql`
        select m.id as hit, m.wa_id as "messageId", m.chat_id as "chatId", r.jid, r.lid,
          r.delivered_at as "deliveredAt", r.read_at as "readAt", r.played_at as "playedAt"
        from message_receipts r join messages m on m.id = r.message_id
        where m.id = any(${ids}::uuid[]) and (${has("r.jid", "r.lid")(scope)}) order by m.sent_at, m.id, r.jid`,
      bytes: scope.sql`octet_length(concat("messageId", "chatId", jid, lid))`,
      rowsOf: ({ hit: _hit, ...data }) => [{ relation: "own", data }],
    })),
};

/** The host of a webhook. The rest of its URL may have secrets. */
const hostOf = (url: unknown) => (URL.canParse(String(url)) ? new URL(String(url)).host : null);

/** The body of a delivery. A sealed one has a credential, and isn't JSON. */
function bodyOf(body: unknown): unknown {
  try {
    return JSON.parse(String(body));
  } catch {
    return null;
  }
}

const deliveryRows = copyLarge(places.deliveries, {
  columns: "id event_id event_type url body status reason correlation_id created_at finished_at",
  computed: {
    "attempts.error": `(select jsonb_agg(jsonb_build_object('at', a.at, 'status', a.status, 'error', a.error, 'response',
      a.response) order by a.number) from attempts a where a.delivery_id = deliveries.id)`,
  },
  relation: "named",
  shown: ({ url, error, body, ...row }, { person }) => ({
    ...row,
    receiver: hostOf(url),
    body: partAbout(bodyOf(body), person),
    attempts: error ?? [],
  }),
});
const deliveries: Copy = { ...deliveryRows, columns: [...deliveryRows.columns, "attempts.response"] };

/** Copies the entries of a setting of the instance. */
const setting = (place: Place, column: string, field: string): Copy =>
  copyFew(place, "id", { name: `instances.${column}`, columns: column, relation: "named", shown: entries(field) });

/** What the export copies for each instance, in order. */
export const copies: readonly Copy[] = [
  copyFew(places.contacts, "jid", {
    columns: "jid lid is_group name push_name business_name updated_at",
    relation: "own",
  }),
  copyFew(places.chats, "chat_id", {
    columns:
      "chat_id messages unread last_at state_jid archived archived_through archived_ids pinned_at muted_until marked_unread cleared_at cleared_stored_at cleared_ids",
    relation: "own",
  }),
  messages,
  receipts,
  copyFew(places.reactions, "chat_id wa_id sender_id", {
    columns: "chat_id wa_id sender_id sender_lid push_name emoji reacted_at",
    relation: "own",
  }),
  copyFew(places.messageMarks, "chat_id wa_id kind", {
    columns: "chat_id wa_id kind active sender_id marked_at until",
    relation: "own",
  }),
  copyFew(places.responses, "chat_id wa_id sender_id", {
    columns: "chat_id wa_id sender_id choices guests responded_at",
    relation: "own",
  }),
  copyFew(places.messageDays, "chat_id day", {
    columns: "chat_id messages",
    computed: { day: "day::text" },
    relation: "own",
  }),
  copyFew(places.unknownNumbers, "jid", { columns: "jid checked_at", relation: "own" }),
  copyFew(places.chatTimers, "chat_id", { columns: "chat_id seconds set_at", relation: "own" }),
  copyFew(places.callAnswers, "caller", { columns: "caller answered_at", relation: "own" }),
  copyFew(places.labelTargets, "label_id chat_id message_id", {
    columns: "label_id chat_id message_id",
    computed: {
      "labels.name": `(select l.name from labels l
        where l.instance_id = label_targets.instance_id and l.label_id = label_targets.label_id)`,
    },
    relation: "own",
  }),
  copyFew(places.recipientLists, "hash", {
    columns: "jids people used_at",
    relation: "named",
    shown: parts("jids", "people"),
  }),
  copyFew(places.unreadableMessages, "wa_id sender", {
    columns: "wa_id sender sender_alt attrs reason hidden created_at",
    relation: "own",
  }),
  copyFew(places.refusedStanzas, "key", {
    columns: "kind stanza_id sender attempts error first_at last_at quarantined_at",
    relation: "own",
  }),
  copyFew(places.waitingNotes, "target_id note_id sender_id", {
    columns: "target_id note_id sender_id envelope created_at",
    computed: { payload: "encode(payload, 'base64')" },
    relation: "own",
  }),
  copyFew(places.historyParts, "wa_id", {
    columns: "wa_id phase cursor created_at",
    relation: "named",
    shown: parts("cursor"),
  }),
  copyFew(places.broadcasts, "id", {
    columns: "id name recipients created_at updated_at",
    relation: "named",
    shown: parts("recipients"),
  }),
  copyFew(places.bulks, "id", {
    columns: "id rejected start_at created_at finished_at",
    relation: "named",
    shown: parts("rejected"),
  }),
  copyFew(places.activities, "id", {
    columns: "id action details created_at",
    relation: "named",
    shown: parts("details"),
  }),
  copyFew(places.webhooks, "id", { columns: "id name filters", relation: "named", shown: entries("filters") }),
  setting(places.webhookFilters, "webhook_filters", "webhookFilters"),
  setting(places.ignoreRules, "ignore_rules", "ignoreRules"),
  setting(places.metadata, "metadata", "metadata"),
  copyLarge(places.commands, {
    columns:
      "id name kind wa_id status input error_code error_details correlation_id request_id run_at created_at finished_at",
    computed: {
      output: `case when name = any(${sqlList(secretCommands)}) then null else output end`,
      "idempotency_keys.key": "(select k.key from idempotency_keys k where k.command_id = commands.id limit 1)",
    },
    relation: "named",
    shown: parts("input", "output"),
  }),
  copyLarge(places.events, {
    columns: "id type correlation_id created_at parked_at parked_reason",
    computed: { seq: "seq::float8", data: `data - ${sqlList(sealedFields)}` },
    relation: "named",
    shown: parts("data"),
  }),
  deliveries,
  copyFew(places.replies, "position", {
    columns: "queue command reply deduplication_id created_at",
    relation: "named",
    shown: parts("reply"),
  }),
];
