import { type TestReference, testIn } from "../case.ts";
import type { Feature } from "../simulator-features.ts";
import { webhookCases } from "../webhooks.ts";

const scanned = "a scanned QR code links the instance, and neither the code nor the restart after linking is visible";
const passkey =
  "an account that demands a passkey is linked with the answer of the passkey, after a QR code or a pairing code";
const loggedOut = "a logout unlinks the device, deletes the credentials, and can be repeated";
const link = testIn("integration/session/link.test.ts");
const actions = testIn("integration/message/actions.test.ts");
const contacts = testIn("integration/contact/contacts.test.ts");
const upload = testIn("integration/media/upload.test.ts");
const bulk = testIn("slow/message/bulk-and-scheduled.test.ts");
const manage = testIn("integration/session/disable-and-secret.test.ts");
const users = testIn("api/access/users.test.ts");
const keys = testIn("api/access/keys.test.ts");
const audited = testIn("api/access/audit.test.ts");
const hooks = testIn("api/webhook/webhooks.test.ts");
const toMany = "a bulk reaches each recipient once, in order and within its pace, and a single text overtakes the bulk";
const logged = "the delivery log is listed newest first with filters, and shows body and attempts";
const stats = testIn("api/instance/stats.test.ts");
const instances = testIn("api/instance/instances.test.ts");
const history = testIn("api/message/history.test.ts");

const testsOf = (cases: ReturnType<typeof webhookCases>) =>
  Object.fromEntries(Object.entries(cases).map(([name, { testedBy }]) => [name, { testedBy }]));

/** For each endpoint of the Multi-Instance API, the test of its effect and the part of the simulated WhatsApp that it needs. */
export const multiInstanceEffectTests: Record<string, { simulator?: Feature; testedBy: TestReference }> = {
  "POST /api/auth/login": {
    testedBy: testIn("api/access/auth.test.ts")(
      "returns a token, the user and the user's key, and both credentials work",
    ),
  },
  "GET /api/auth/me": { testedBy: users("changes its own settings but no admin setting") },
  "PUT /api/auth/me": { testedBy: users("changes its own settings but no admin setting") },
  "POST /api/auth/change-password": {
    testedBy: users("changes its password: earlier tokens end, and a token from the same second works"),
  },
  "POST /api/auth/rotate-key": {
    testedBy: keys("revokes the old key at once; the new key has the same limits and appears at login"),
  },
  "POST /api/users": { testedBy: users("creates a user whose first key is shown once and who can log in") },
  "GET /api/users": { testedBy: users("finds users by part of the name or address, in pages") },
  "GET /api/users/{userId}": { testedBy: users("changes only the given fields of a user") },
  "PUT /api/users/{userId}": { testedBy: users("changes only the given fields of a user") },
  "DELETE /api/users/{userId}": { testedBy: users("deletes a user without instances together with keys and tokens") },
  "GET /api/audit": {
    testedBy: audited("shows users what they did and what others did to their things, and admins everything"),
  },
  "GET /api/keys": { testedBy: keys("can be created, changed and revoked, and the list omits the secrets") },
  "POST /api/keys": { testedBy: keys("can be created, changed and revoked, and the list omits the secrets") },
  "PUT /api/keys/{keyId}": { testedBy: keys("can be created, changed and revoked, and the list omits the secrets") },
  "DELETE /api/keys/{keyId}": { testedBy: keys("can be created, changed and revoked, and the list omits the secrets") },
  "POST /api/instances": { simulator: "linking", testedBy: link(scanned) },
  "POST /api/instances/import": {
    simulator: "linking",
    testedBy: testIn("slow/session/account-settings.test.ts")(
      "continues as an instance without a QR code, in the same Signal sessions",
    ),
  },
  "POST /api/instances/{instanceId}/import": {
    simulator: "linking",
    testedBy: testIn("api/instance/import.test.ts")("can be given to an instance of either dialect that is not linked"),
  },
  "GET /api/instances": {
    testedBy: instances("in the gateway dialect returns the documented response, and both dialects list the instance"),
  },
  "GET /api/instances/{instanceId}": {
    testedBy: instances("changes the given fields, flat or nested, and keeps the others"),
  },
  "PUT /api/instances/{instanceId}": {
    testedBy: instances("changes the given fields, flat or nested, and keeps the others"),
  },
  "DELETE /api/instances/{instanceId}": {
    simulator: "unlinking",
    testedBy: link("a deletion unlinks the device and leaves no rows or files"),
  },
  "POST /api/instances/{instanceId}/reconnect": {
    simulator: "connection",
    testedBy: testIn("fault/session/connection.test.ts")("a restart over the API reconnects without a new scan"),
  },
  "POST /api/instances/{instanceId}/disable": {
    simulator: "connection",
    testedBy: manage(
      "a disabled instance has no socket and rejects sends, also after a restart, and reconnects when enabled",
    ),
  },
  "POST /api/instances/{instanceId}/enable": {
    simulator: "connection",
    testedBy: manage(
      "a disabled instance has no socket and rejects sends, also after a restart, and reconnects when enabled",
    ),
  },
  "POST /api/instances/{instanceId}/webhook-secret": {
    testedBy: manage("a webhook has the configured headers and, after a rotation of the secret, both signatures"),
  },
  "POST /api/instances/{instanceId}/logout": { simulator: "unlinking", testedBy: link(loggedOut) },
  "GET /api/instances/{instanceId}/qr": { simulator: "linking", testedBy: link(scanned) },
  "POST /api/instances/{instanceId}/pairing-code": {
    simulator: "linking",
    testedBy: link("a pairing code that the owner enters on the phone links the instance"),
  },
  "GET /api/instances/{instanceId}/passkey": { simulator: "passkeys", testedBy: link(passkey) },
  "POST /api/instances/{instanceId}/passkey": { simulator: "passkeys", testedBy: link(passkey) },
  "POST /api/instances/{instanceId}/passkey/confirm": {
    simulator: "passkeys",
    testedBy: link("an instance without a request for a passkey says so, and refuses an answer"),
  },
  "GET /api/instances/{instanceId}/settings": {
    simulator: "connection",
    testedBy: testIn("integration/ingress/settings.test.ts")(
      "the setting $name is changed, and read over SQS and in both APIs, with its source",
    ),
  },
  "GET /api/instances/{instanceId}/activity": {
    testedBy: history("is paged from the newest to the oldest and filtered by action and time with correct totals"),
  },
  "GET /api/instances/{instanceId}/chats": {
    testedBy: testIn("integration/contact/chats.test.ts")(
      "counts messages, and neither reactions nor own messages nor deleted messages",
    ),
  },
  "GET /api/instances/{instanceId}/chats/{chatId}/messages": {
    testedBy: history("is listed as documented, the newest first"),
  },
  "GET /api/whatsapp/{instanceId}/status": { simulator: "connection", testedBy: link(scanned) },
  "GET /api/whatsapp/{instanceId}/qr": { simulator: "linking", testedBy: link(scanned) },
  "POST /api/whatsapp/{instanceId}/send": {
    simulator: "messages",
    testedBy: testIn("integration/message/text.test.ts")(
      "a sent text arrives unchanged at the phone, in the history and in the webhook: %s",
    ),
  },
  "POST /api/whatsapp/{instanceId}/logout": { simulator: "unlinking", testedBy: link(loggedOut) },
  "GET /api/whatsapp/{instanceId}/contacts": {
    simulator: "app state",
    testedBy: contacts("contacts have the names of the address book from before linking"),
  },
  "GET /api/whatsapp/{instanceId}/contacts/{contactId}": {
    simulator: "app state",
    testedBy: contacts("a contact is found by number, JID and LID"),
  },
  "GET /api/whatsapp/{instanceId}/check/{phone}": {
    simulator: "numbers",
    testedBy: contacts("a check of one or many numbers says which of them are on WhatsApp, in the requested order"),
  },
  "POST /api/whatsapp/{instanceId}/check": {
    simulator: "numbers",
    testedBy: contacts("a check of one or many numbers says which of them are on WhatsApp, in the requested order"),
  },
  "PUT /api/whatsapp/{instanceId}/messages/{messageId}": {
    simulator: "fate",
    testedBy: actions("an edit changes the text on the recipient's phone and in the history, and causes one event"),
  },
  "POST /api/whatsapp/{instanceId}/messages/{messageId}/reaction": {
    simulator: "fate",
    testedBy: actions("a reaction appears at the message, on the phone and in the history, and can be removed"),
  },
  "DELETE /api/whatsapp/{instanceId}/messages/{messageId}": {
    simulator: "fate",
    testedBy: actions("a deletion removes the message for everyone and marks it in the history"),
  },
  "POST /api/whatsapp/{instanceId}/typing": {
    simulator: "presence",
    testedBy: actions("the recipient sees the typing state, in direct chats and in groups"),
  },
  "POST /api/whatsapp/{instanceId}/read": {
    simulator: "receipts",
    testedBy: actions("a read request marks the named messages, or all unread messages of a chat, as read"),
  },
  "POST /api/whatsapp/{instanceId}/send-media": {
    simulator: "media",
    testedBy: testIn("integration/media/transfer.test.ts")(
      "%s arrives at the phone and in storage with the same bytes",
    ),
  },
  "POST /api/whatsapp/{instanceId}/send-file": {
    simulator: "media",
    testedBy: upload("a file in the request arrives with the same bytes, its caption and its Unicode name"),
  },
  "POST /api/whatsapp/{instanceId}/uploads": {
    simulator: "media",
    testedBy: upload(
      "a large upload arrives unchanged at several recipients, and a large received file can be downloaded",
    ),
  },
  "GET /api/instances/{instanceId}/messages/{messageId}/receipts": {
    simulator: "receipts",
    testedBy: testIn("integration/message/receipts.test.ts")(
      "each member of a group is reported once, by number and LID, and the slowest decides the status",
    ),
  },
  "GET /api/instances/{instanceId}/messages/{messageId}/media": {
    simulator: "media",
    testedBy: upload(
      "a large upload arrives unchanged at several recipients, and a large received file can be downloaded",
    ),
  },
  "GET /api/files/{fileId}": {
    simulator: "media",
    testedBy: testIn("integration/media/transfer.test.ts")(
      "a received picture is stored with the same bytes, and its link works as soon as the webhook arrives",
    ),
  },
  "GET /api/whatsapp/{instanceId}/scheduled": {
    simulator: "messages",
    testedBy: bulk("a scheduled text arrives at its time and not before, also after a restart"),
  },
  "DELETE /api/whatsapp/{instanceId}/scheduled/{messageId}": {
    simulator: "messages",
    testedBy: bulk("a scheduled text is either sent or canceled, never both"),
  },
  "POST /api/whatsapp/{instanceId}/bulk": { simulator: "messages", testedBy: bulk(toMany) },
  "GET /api/whatsapp/{instanceId}/bulk": { testedBy: bulk(toMany) },
  "GET /api/whatsapp/{instanceId}/bulk/{bulkId}": { testedBy: bulk(toMany) },
  "GET /api/whatsapp/{instanceId}/bulk/{bulkId}/recipients": { testedBy: bulk(toMany) },
  "DELETE /api/whatsapp/{instanceId}/bulk/{bulkId}": {
    simulator: "messages",
    testedBy: bulk("a canceled bulk sends nothing more and reports what was sent"),
  },
  ...testsOf(webhookCases("/api/instances/{instanceId}/webhooks", { data: "", ofInstance: true })),
  ...testsOf(webhookCases("/api/webhooks", { data: "", ofInstance: false })),
  "GET /api/instances/{instanceId}/webhooks/deliveries": { testedBy: hooks(logged) },
  "GET /api/instances/{instanceId}/webhooks/deliveries/{deliveryId}": { testedBy: hooks(logged) },
  "POST /api/instances/{instanceId}/webhooks/deliveries/{deliveryId}/replay": {
    testedBy: hooks("a replay uses the same id and the current URL, and adds its attempt to the log"),
  },
  "POST /api/instances/{instanceId}/webhooks/replay": {
    testedBy: hooks("a time range is replayed in order, by default the failed deliveries, filtered by event"),
  },
  "POST /api/instances/{instanceId}/webhooks/test": {
    testedBy: hooks(
      "a test delivery is signed and sent at once, and its result is returned even if the endpoint is unreachable",
    ),
  },
  "GET /api/instances/{instanceId}/webhooks/status": {
    testedBy: hooks("the status shows the endpoint's state, which enabling the webhook again resets"),
  },
  "GET /api/stats/user": {
    testedBy: stats("counts each message once, with its media and their size, for the owner"),
  },
  "GET /api/stats/quotas": {
    testedBy: testIn("api/access/quotas.test.ts")("users see their usage and their limits in both APIs"),
  },
  "GET /api/stats/instances/{instanceId}": {
    testedBy: stats("count with valid credentials, whatever the response, for the user and for the instance"),
  },
  "GET /api/stats/system": { testedBy: stats("gives an admin totals of all users that equal a recount") },
  "GET /api/instances/{instanceId}/events": {
    testedBy: testIn("api/message/events.test.ts")(
      "lists each event once, from the oldest to the newest, in pages by sequence number",
    ),
  },
  "GET /api/instances/{instanceId}/events/stream": {
    testedBy: testIn("api/message/events.test.ts")(
      "of an instance sends new events with their sequence numbers as ids, and continues after any of them",
    ),
  },
  "GET /api/commands/{commandId}": { testedBy: instances("%s %s returns 202 with a location while %s is open") },
};
