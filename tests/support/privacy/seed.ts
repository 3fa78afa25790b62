import { createHash, randomUUID } from "node:crypto";
import { is, Table } from "drizzle-orm";
import { mediaKey } from "../../../core/media/index.ts";
import * as schema from "../../../core/schema.ts";
import type { TestApi } from "../api/api.ts";

export const number = "6281234567890";
export const jid = `${number}@s.whatsapp.net`;
export const lidUser = "98765432101234";
export const lid = `${lidUser}@lid`;
export const other = "4915550000001@s.whatsapp.net";
export const group = "120363000000000001@g.us";
/** In everything that the person says. */
export const secret = "Rumpelstilzchen";

/** The tables of the database. */
export const tables = () => (Object.values(schema) as unknown[]).filter((one): one is Table => is(one, Table));

export interface Text {
  chat: string;
  sender: string;
  body: string;
  lid?: string | null;
  fromMe?: boolean;
  context?: object;
  content?: object;
  payload?: Buffer;
  type?: string;
}

/** Adds a message with a file. */
export async function addMessage(api: TestApi, instance: string, waId: string, text: Text): Promise<string> {
  const row = randomUUID();
  const storageKey = mediaKey(instance, row);
  await api.deps.storage.put(storageKey, Buffer.from(text.body), { contentType: "image/png" });
  const media = JSON.stringify({
    state: "stored",
    size: 3,
    storageKey,
    mimetype: "image/png",
    filename: null,
    sha256: null,
    error: null,
  });
  const json = (value: object | undefined) => (value ? JSON.stringify(value) : null);
  await api.db.sql`
    insert into messages (id, instance_id, wa_id, chat_id, from_me, sender_id, sender_lid, push_name, type, proto_type, body, media,
      content, context, payload, status, sent_at)
    values (${row}, ${instance}, ${waId}, ${text.chat}, ${text.fromMe ?? false}, ${text.sender}, ${text.lid ?? null}, 'Name',
      ${text.type ?? "text"}, 'conversation', ${text.body}, ${media}::text::jsonb, ${json(text.content)}::text::jsonb,
      ${json(text.context)}::text::jsonb, ${text.payload ?? null}, 'received', now())`;
  return row;
}

/** Puts the person into every place of the database, and a second person beside it. */
export async function seed(api: TestApi, instance: string, userId: string): Promise<void> {
  const { sql } = api.db;
  await sql`insert into contacts (instance_id, jid, lid, name) values (${instance}, ${jid}, ${lid}, ${secret}), (${instance}, ${other}, null, 'Bob')`;
  await addMessage(api, instance, "WA1", { chat: jid, sender: jid, lid, body: `${secret} says hello` });
  await addMessage(api, instance, "WA2", { chat: jid, sender: "", fromMe: true, body: `hello ${secret}` });
  const inGroup = await addMessage(api, instance, "WA3", { chat: group, sender: lid, lid, body: secret });
  await addMessage(api, instance, "WA4", { chat: "status@broadcast", sender: jid, body: secret });
  const kept = await addMessage(api, instance, "WA5", {
    chat: group,
    sender: other,
    body: `@${number} I agree`,
    context: { quotedMessageId: "WA3", quotedSender: lid, quotedBody: secret, mentions: [jid, other] },
    content: { kind: "text", text: `@${number} I agree` },
    payload: Buffer.from(`\u0012${secret}${jid}`),
  });
  await addMessage(api, instance, "WA6", {
    chat: other,
    sender: other,
    type: "contact",
    body: secret,
    content: {
      kind: "contacts",
      contacts: [
        { name: secret, phones: [number] },
        { name: "Carl", phones: ["4915550000009"] },
      ],
    },
  });
  await addMessage(api, instance, "WA7", {
    chat: other,
    sender: other,
    body: "untouched",
    payload: Buffer.from("bytes"),
  });
  await sql`insert into message_receipts (message_id, jid, lid, delivered_at) values (${kept}, ${jid}, ${lid}, now()), (${kept}, ${other}, null, now())`;
  await sql`insert into auto_reads (instance_id, message_id) values (${instance}, ${inGroup})`;
  const about = [
    [group, "WA5", lid],
    [group, "WA5", other],
    [jid, "WA2", ""],
  ] as const;
  for (const [chat, waId, sender] of about) {
    await sql`insert into reactions (instance_id, chat_id, wa_id, sender_id, push_name, emoji, reacted_at) values (${instance}, ${chat}, ${waId}, ${sender}, ${sender === other ? "Bob" : secret}, '👍', now())`;
    await sql`insert into responses (instance_id, chat_id, wa_id, sender_id, choices, responded_at) values (${instance}, ${chat}, ${waId}, ${sender}, '["x"]', now())`;
    await sql`insert into message_marks (instance_id, chat_id, wa_id, kind, active, sender_id, marked_at) values (${instance}, ${chat}, ${waId}, ${sender === other ? "keep" : "pin"}, true, ${sender}, now())`;
  }
  await sql`insert into unknown_numbers (instance_id, jid, checked_at) values (${instance}, ${jid}, now())`;
  await sql`insert into chat_timers (instance_id, chat_id, seconds, set_at) values (${instance}, ${jid}, 1, now())`;
  await sql`insert into call_answers (instance_id, caller, answered_at) values (${instance}, ${lid}, now())`;
  await sql`insert into label_targets (instance_id, label_id, chat_id) values (${instance}, '1', ${lid})`;
  await sql`insert into recipient_lists (instance_id, hash, jids, people) values (${instance}, '\\x01', ${[`${lidUser}:3@lid`, other]}, ${[`${jid} ${lid}`]})`;
  await sql`insert into unreadable_messages (instance_id, wa_id, sender, sender_alt, attrs, reason) values (${instance}, 'U1', ${group}, null, ${JSON.stringify({ participant: lid })}::text::jsonb, 'no_session')`;
  await sql`insert into refused_stanzas (instance_id, key, kind, stanza_id, sender, attempts, error, first_at, last_at) values (${instance}, '\\x01', 'message', 'S1', ${jid}, 1, 'x', now(), now())`;
  await sql`insert into waiting_notes (instance_id, target_id, note_id, sender_id, envelope, payload) values (${instance}, 'WA9', 'N1', ${lid}, ${JSON.stringify({ key: { remoteJid: jid }, pushName: secret, seconds: 1 })}::text::jsonb, ${Buffer.from(secret)})`;
  await sql`insert into session_inbox (instance_id, wa_id, hash, plaintext) values (${instance}, 'WA1', '\\x01', ${Buffer.from(secret)})`;
  for (const [type, keyId] of [
    ["lid-mapping", number],
    ["lid-mapping", `${lidUser}_reverse`],
    ["session", `${lidUser}_1.0`],
    ["sender-key", `${group}::${number}::0`],
  ])
    await sql`insert into session_keys (instance_id, type, key_id, value) values (${instance}, ${type ?? ""}, ${keyId ?? ""}, ${Buffer.from(secret)})`;
  await sql`insert into session_keys (instance_id, type, key_id, value) values (${instance}, 'creds', '', '\\x01'), (${instance}, 'session', '4915550000001.0', '\\x01')`;
  await sql`insert into history_parts (instance_id, wa_id, phase, with_messages, state, cursor) values (${instance}, 'H1', 'recent', true, 'imported', ${JSON.stringify({ chat: { id: jid } })}::text::jsonb)`;
  await sql`insert into broadcasts (id, instance_id, name, recipients, created_at, updated_at) values (${randomUUID()}, ${instance}, 'All', ${JSON.stringify([jid, other])}::text::jsonb, now(), now())`;
  await sql`insert into activities (id, instance_id, action, details) values (${randomUUID()}, ${instance}, 'x', ${JSON.stringify({ chat: jid, by: "Bob" })}::text::jsonb)`;
  await sql`insert into bulks (id, instance_id, user_id, shard, per_minute, total, rejected, start_at) values (${randomUUID()}, ${instance}, ${userId}, 0, 1, 1, ${JSON.stringify([{ index: 0, phone: number, error: "x" }])}::text::jsonb, now())`;
  await sql`update instances set webhook_filters = ${JSON.stringify({ chats: { deny: [jid, other] } })}::text::jsonb, metadata = ${JSON.stringify({ customer: number })}::text::jsonb where id = ${instance}`;
  for (const [position, data] of [
    { chatId: jid, body: secret },
    { chatId: group, participants: [{ id: other, lid }] },
    { chatId: other },
  ].entries()) {
    const event = randomUUID();
    await sql`insert into events (id, instance_id, shard, seq, type, data, emitted_at) values (${event}, ${instance}, 0, ${position + 100}, 'message.received', ${JSON.stringify(data)}::text::jsonb, now())`;
    await sql`
      insert into deliveries (id, instance_id, event_id, event_seq, event_type, url, body, next_at)
      values (${randomUUID()}, ${instance}, ${event}, 1, 'message.received', 'https://example.com', ${JSON.stringify(data)}, now())`;
  }
  for (const [index, status] of ["done", "scheduled", "claimed"].entries()) {
    const command = randomUUID();
    await sql`
      insert into commands (id, instance_id, user_id, shard, name, kind, input, wa_id, status, output, correlation_id, deadline)
      values (${command}, ${instance}, ${userId}, 0, 'message.sendText', 'send', ${JSON.stringify({ to: jid, text: secret })}::text::jsonb, ${`C${index}`}, ${status},
        ${JSON.stringify({ to: jid })}::text::jsonb, 'c', now())`;
    await sql`
      insert into idempotency_keys (user_id, key, request_hash, command_id) values (${userId}, ${`${instance}-${index}`}, ${createHash("sha256").update(jid).digest()}, ${command})`;
  }
  await sql`insert into replies (shard, queue, group_id, deduplication_id, reply) values (0, 'q', 'g', 'd', ${JSON.stringify({ instanceId: instance, output: { jid, text: secret } })}::text::jsonb)`;
}

/** Fills the columns that `seed` leaves empty and that an export of the person has. */
export async function seedRest(api: TestApi, instance: string): Promise<void> {
  const { sql } = api.db;
  await sql`
    update contacts set push_name = ${secret}, business_name = ${secret} where instance_id = ${instance} and jid = ${jid}`;
  await sql`
    update chats set state_jid = ${jid}, archived = true, pinned_at = now(), muted_until = now(), marked_unread = true,
      cleared_at = '2020-01-01', cleared_stored_at = '2020-01-01', cleared_ids = '{CLEARED}',
      archived_through = '2020-01-01', archived_ids = '{ARCHIVED}' where instance_id = ${instance} and chat_id = ${jid}`;
  await sql`
    update messages set context = '{"viewOnce": true}', content = '{"kind": "text"}', error = 'x', delivered_at = now(),
      read_at = now(), edited_at = now(), deleted_at = now() where instance_id = ${instance} and wa_id = 'WA1'`;
  await sql`
    update messages set type = 'unknown', payload = ${Buffer.from(secret)} where instance_id = ${instance} and wa_id = 'WA3'`;
  await sql`update bulks set finished_at = now() where instance_id = ${instance}`;
  await sql`
    update message_receipts set read_at = now(), played_at = now()
    where jid = ${jid} and message_id in (select id from messages where instance_id = ${instance})`;
  await sql`update reactions set sender_lid = ${lid} where instance_id = ${instance} and sender_id = ${lid}`;
  await sql`update message_marks set until = now() where instance_id = ${instance}`;
  await sql`update responses set guests = 1 where instance_id = ${instance}`;
  await sql`
    insert into labels (instance_id, label_id, name, color, updated_at) values (${instance}, '1', 'Customer', 1, now())`;
  await sql`update recipient_lists set used_at = now() where instance_id = ${instance}`;
  await sql`update unreadable_messages set sender_alt = ${lid} where instance_id = ${instance}`;
  await sql`
    update refused_stanzas set quarantined_at = now(), stanza = '\\x0102', plaintext = '\\x0103'
    where instance_id = ${instance}`;
  await sql`
    update instances set ignore_rules = ${JSON.stringify({ chats: [jid, other] })}::text::jsonb where id = ${instance}`;
  await sql`
    insert into webhooks (id, user_id, instance_id, name, url, filters)
    select ${randomUUID()}, user_id, id, 'Hook', 'https://example.com/secret-path',
      ${JSON.stringify({ chats: { allow: [jid, other] } })}::text::jsonb from instances where id = ${instance}`;
  await sql`
    update commands set error_code = 'x', error_details = 'x', request_id = 'x', run_at = now(), finished_at = now()
    where instance_id = ${instance}`;
  await sql`
    insert into commands (id, instance_id, user_id, shard, name, kind, input, status, output, correlation_id, deadline)
    select ${randomUUID()}, id, user_id, 0, 'instance.requestPairingCode', 'mutate',
      ${JSON.stringify({ phone: number })}::text::jsonb, 'done', '{"sealed": "c2VhbGVk"}', 'c', now()
    from instances where id = ${instance}`;
  await sql`
    update events set correlation_id = 'c', parked_at = now(), parked_reason = 'x', data = data || '{"sealedQr": "c2VhbGVk"}'
    where instance_id = ${instance} and seq >= 100`;
  await sql`
    update deliveries set url = 'https://example.com/secret-path?key=1', correlation_id = 'c', reason = 'x', finished_at = now()
    where instance_id = ${instance}`;
  await sql`
    insert into attempts (id, delivery_id, number, at, duration_ms, status, error, response)
    select gen_random_uuid(), id, 1, now(), 1, 500, 'x', ${secret} from deliveries where instance_id = ${instance}`;
  await sql`update replies set command = 'c' where reply->>'instanceId' = ${instance}`;
}
