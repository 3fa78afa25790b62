/**
 * What an erasure of a person does with each column of the database. A table is a reason, if the whole rows of the person are
 * deleted, or a list of its columns. `erased`: the erasure removes the person from the column. Anything else is the reason why
 * the column needs nothing.
 */
export type Coverage = "rows" | Record<string, string>;

const columns = (names: string, reason: string): Record<string, string> =>
  Object.fromEntries(names.split(" ").map((name) => [name, reason]));

const ids = "ids, numbers and times of the gateway";
const settings = "settings of the caller, which name no person";
const own = "the account of the instance, or the user of the gateway, not a person that the account writes with";
const publicly = "public channels";
const counts = "counts";
const audited = "has ids and names of fields, never a number or a name of a person";
const sealed = "encrypted, and needed by the session; deleted within 30 days";

export const coverage: Record<string, Coverage> = {
  activities: { ...columns("id instance_id action created_at", ids), details: "erased" },
  api_keys: columns(
    "id user_id name hash ciphertext permissions ip_ranges instances scopes expires_at last_used_at last_used_ip revoked_at created_at",
    own,
  ),
  attempts: {
    ...columns("id delivery_id number at duration_ms status headers", ids),
    ...columns("error response", "deleted with the deliveries of the person"),
  },
  audit_log: columns(
    "id at user_id key_id ip source operation owner_id instance_id target fields outcome status code request_id",
    audited,
  ),
  auto_reads: columns("instance_id message_id", "deleted with its message"),
  broadcasts: { ...columns("id instance_id created_at updated_at", ids), name: settings, recipients: "erased" },
  bulks: {
    ...columns("id instance_id user_id shard status per_minute total start_at released_at created_at finished_at", ids),
    rejected: "erased",
  },
  call_answers: "rows",
  channels: columns(
    "instance_id jid name description role muted muted_until verified subscribers invite_code created_at updated_at",
    publicly,
  ),
  chat_timers: "rows",
  chats: "rows",
  claim_leases: columns("id place until", ids),
  client_version: columns("id version found_at asked_at asked_by", ids),
  commands: {
    ...columns(
      "id instance_id user_id shard name kind wa_id status error_code run_at waiting_reason options bulk_id bulk_index position attempts reply_to deadline created_at finished_at",
      ids,
    ),
    ...columns("input output error_details correlation_id request_id", "erased"),
  },
  contacts: "rows",
  data_keys: columns("id wrapped_by wrapped created_at", ids),
  deliveries: "rows",
  endpoint_breakers: columns("endpoint_id url state failures failing_since next_at claimed_by", ids),
  endpoint_paces: columns("endpoint_id url average_ms busy_until busy_by", ids),
  erasures: {
    ...columns(
      "id user_id status instance_id step cursor counts next_at pass attempts claimed_by created_at finished_at",
      ids,
    ),
    person: "erased",
    proof: "a hash with a random receipt, which only the caller has",
  },
  event_streams: columns("user_id slot id expires_at", ids),
  event_sinks: columns("instance_id queue sent_seq failures failing_since error next_at claimed_by", ids),
  events: {
    ...columns("id instance_id shard position seq created_at emitted_at parked_at", ids),
    ...columns("type data correlation_id parked_reason", "erased"),
  },
  exports: {
    ...columns(
      "id user_id instance_id status upload_id parts lines bytes total attempts error claimed_by created_at finished_at expires_at",
      ids,
    ),
    ...columns("request cursor tail", "erased"),
  },
  fleet: columns("id stopped restart_at by_user updated_at", ids),
  history_parts: {
    ...columns(
      "instance_id wa_id position phase chunk percent with_messages state attempts error messages created_at",
      ids,
    ),
    notification: sealed,
    cursor: "erased",
  },
  hosts: columns(
    "id started_at seen_at draining_since version client_version client_version_source place cpu_ms rss_bytes",
    ids,
  ),
  idempotency_keys: { ...columns("user_id command_id created_at", ids), ...columns("key request_hash", "erased") },
  instances: {
    ...columns("webhook_filters ignore_rules metadata", "erased"),
    ...columns("phone_number lid device push_name business", own),
    ...columns(
      "id user_id dialect shard desired status status_reason status_details status_until status_at connected_at linked_at qr qr_expires_at pairing_code pairing_code_expires_at pairing_codes_blocked_until passkey history_completed_at settings_at sends_paused_at sends_resumed_at restrictions new_contacts event_seq created_at updated_at deleted_at",
      ids,
    ),
    ...columns(
      "name description webhook_url webhook_enabled webhook_secret webhook_previous_secret webhook_previous_secret_until webhook_headers notify_received notify_sent notify_delivery notify_read max_retries retry_interval webhook_name webhook_description webhook_events webhook_timeout_ms history retention presence proxy proxy_password device_name reject_calls auto_read timezone pace event_queue",
      settings,
    ),
  },
  known_logins: columns("user_id network seen_at", own),
  label_targets: "rows",
  labels: columns("instance_id label_id name color predefined_id updated_at deleted_at", settings),
  login_failures: columns("subject failures since blocked_until", own),
  media_sizes: columns("instance_id bytes", ids),
  message_days: "rows",
  message_marks: "rows",
  message_receipts: "rows",
  message_search: {
    ...columns("message_id instance_id sent_at", ids),
    words: "deleted with its message, and written again when the text changes",
  },
  messages: {
    ...columns("body content context push_name error payload", "erased"),
    ...columns(
      "chat_id sender_id sender_lid media",
      "messages of the person and of the chat are deleted, with their files",
    ),
    ...columns(
      "id instance_id wa_id from_me type proto_type content_version status unread recipients sent_at delivered_at read_at edited_at deleted_at imported created_at",
      ids,
    ),
  },
  rate_windows: columns("subject used ends_at", own),
  reactions: "rows",
  recipient_lists: "rows",
  refused_stanzas: "rows",
  replies: "rows",
  responses: "rows",
  search_backfill: columns("id after", ids),
  session_imports: columns(
    "instance_id device bundle created_at attempts",
    "encrypted; deleted when the session starts",
  ),
  session_inbox: "rows",
  session_keys: "rows",
  shards: columns("id host epoch lease_until", ids),
  signing_keys: columns("kid public_jwk private_ciphertext created_at", ids),
  stream_tokens: columns("hash user_id key_id tokens_from login_expires_at expires_at", own),
  unknown_numbers: "rows",
  unreadable_messages: "rows",
  upload_days: columns("user_id day uploads bytes", ids),
  usage: columns(
    "user_id instance_id slot lane messages_sent messages_received media_sent media_received media_size api_calls webhook_sent",
    counts,
  ),
  users: columns(
    "id email first_name last_name password_hash role disabled_at ip_ranges time_zone event_queue quotas retention tokens_from created_at updated_at",
    own,
  ),
  waiting_notes: "rows",
  webhooks: {
    ...columns("id user_id instance_id default_id created_at updated_at", ids),
    ...columns(
      "name description url enabled secret previous_secret previous_secret_until headers events timeout_ms max_retries retry_interval",
      settings,
    ),
    filters: "erased",
  },
};

const harmless = new Set([ids, settings, own, publicly, counts, audited]);

/** Whether a column can have data about a person, as far as the list above says. */
export function canHold(table: string, column: string): boolean {
  const covered = coverage[table];
  return covered === "rows" || !harmless.has(covered?.[column] ?? "");
}

const without = (table: string, names: string, reason: string): Record<string, string> =>
  columns(
    names
      .split(" ")
      .map((name) => `${table}.${name}`)
      .join(" "),
    reason,
  );

const keys = "a secret key of the session, or its name, which is a JID of the first line";
const retries = "how the gateway retries";
const copiesOfCaller = "what the caller asked for, and the copy itself";

/** Why the export of a person lacks a column that can have data about the person. */
export const notExported: Record<string, string> = {
  ...without("auto_reads", "instance_id message_id", "that a message will be marked as read, for seconds"),
  ...without(
    "deliveries",
    "endpoint_id event_seq endpoint_url attempts tries first_failed_at next_at claimed_by",
    retries,
  ),
  ...without("erasures", "person proof", copiesOfCaller),
  ...without("exports", "request cursor tail", copiesOfCaller),
  ...without("history_parts", "notification", sealed),
  ...without("idempotency_keys", "request_hash", "a hash"),
  ...without("message_receipts", "message_id", "WhatsApp's id of the message instead"),
  ...without("message_search", "words", "words of the messages"),
  ...without("recipient_lists", "hash", "a hash"),
  ...without("refused_stanzas", "key", "a hash"),
  ...without("refused_stanzas", "stanza plaintext", sealed),
  ...without("replies", "position shard group_id", ids),
  ...without("session_imports", "instance_id device bundle created_at attempts", "encrypted, and only keys"),
  ...without(
    "session_inbox",
    "instance_id wa_id hash plaintext received_at",
    "encrypted, until the message itself is stored",
  ),
  ...without("session_keys", "instance_id type key_id value", keys),
  ...without("unreadable_messages", "message_id requests due_at", "how the gateway asks for the message"),
};
