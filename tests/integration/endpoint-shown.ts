import type { Feature } from "../support/simulator.ts";
import { type Shown, shownIn } from "./endpoint-frame.ts";

const scanned = "a phone scans the QR code; from then on there is none, and restarting 515 shows nowhere";
const loggedOut = "a logout over the API tells WhatsApp, forgets the credentials, and is repeatable";
const link = shownIn("integration/link.test.ts");
const actions = shownIn("integration/actions.test.ts");
const contacts = shownIn("integration/contacts.test.ts");
const upload = shownIn("integration/upload.test.ts");
const bulk = shownIn("integration/bulk.test.ts");
const manage = shownIn("integration/manage.test.ts");
const users = shownIn("api/access/users.test.ts");
const keys = shownIn("api/access/keys.test.ts");
const hooks = shownIn("api/webhook/webhooks.test.ts");
const toMany =
  "a bulk reaches everybody once, in its order and no faster than its pace, and tells of each; a single text passes it";
const logged =
  "the log of deliveries is listed from the newest on, by its filters, and shows each with body and attempts";
const stats = shownIn("api/instance/stats.test.ts");
const instances = shownIn("api/instance/instances.test.ts");
const history = shownIn("api/message/history.test.ts");

/** Where what each endpoint of the Multi-Instance API does is looked at, and what of the simulated WhatsApp does its part. */
export const multiInstanceShown: Record<string, { simulator?: Feature; shown: Shown }> = {
  "POST /api/auth/login": {
    shown: shownIn("api/access/auth.test.ts")("answers with a token, the user and the user's key, and both work"),
  },
  "GET /api/auth/me": { shown: users("changes what is kept of it, and nothing that is an admin's") },
  "PUT /api/auth/me": { shown: users("changes what is kept of it, and nothing that is an admin's") },
  "POST /api/auth/change-password": {
    shown: users("changes its password: tokens of before end, one of the same second works"),
  },
  "POST /api/auth/rotate-key": {
    shown: keys("revokes the old one at once, and the new one has its limits and its place at login"),
  },
  "POST /api/users": { shown: users("makes a user, whose first key is shown once and who can log in") },
  "GET /api/users": { shown: users("finds users by a part of name or address, in pages") },
  "GET /api/users/{userId}": { shown: users("changes what is given of a user and nothing else") },
  "PUT /api/users/{userId}": { shown: users("changes what is given of a user and nothing else") },
  "DELETE /api/users/{userId}": { shown: users("removes a user without instances, with keys and tokens") },
  "GET /api/keys": { shown: keys("are made, listed without the key itself, changed and revoked") },
  "POST /api/keys": { shown: keys("are made, listed without the key itself, changed and revoked") },
  "PUT /api/keys/{keyId}": { shown: keys("are made, listed without the key itself, changed and revoked") },
  "DELETE /api/keys/{keyId}": { shown: keys("are made, listed without the key itself, changed and revoked") },
  "POST /api/instances": { simulator: "linking", shown: link(scanned) },
  "GET /api/instances": {
    shown: instances("in the gateway dialect answers as that document shows, and both dialects see it"),
  },
  "GET /api/instances/{instanceId}": { shown: instances("changes what is given, flat or nested, and leaves the rest") },
  "PUT /api/instances/{instanceId}": { shown: instances("changes what is given, flat or nested, and leaves the rest") },
  "DELETE /api/instances/{instanceId}": {
    simulator: "unlinking",
    shown: link("a deletion tells WhatsApp and leaves no row and no file"),
  },
  "POST /api/instances/{instanceId}/reconnect": {
    simulator: "connection",
    shown: shownIn("integration/connection.test.ts")("a restart over the API needs no new scan"),
  },
  "POST /api/instances/{instanceId}/disable": {
    simulator: "connection",
    shown: manage(
      "a disabled instance has no socket and takes no sends, also after a restart; enabled it needs no scan",
    ),
  },
  "POST /api/instances/{instanceId}/enable": {
    simulator: "connection",
    shown: manage(
      "a disabled instance has no socket and takes no sends, also after a restart; enabled it needs no scan",
    ),
  },
  "POST /api/instances/{instanceId}/webhook-secret": {
    shown: manage("a webhook carries the headers that were asked for, and after a rotation both signatures"),
  },
  "POST /api/instances/{instanceId}/logout": { simulator: "unlinking", shown: link(loggedOut) },
  "GET /api/instances/{instanceId}/qr": { simulator: "linking", shown: link(scanned) },
  "POST /api/instances/{instanceId}/pairing-code": {
    simulator: "linking",
    shown: link("a code that the owner types into the phone links it"),
  },
  "GET /api/instances/{instanceId}/activity": {
    shown: history("is paged from the newest to the oldest and filtered by action and time, with right totals"),
  },
  "GET /api/instances/{instanceId}/chats/{chatId}/messages": {
    shown: history("is shown as documented, the newest first"),
  },
  "GET /api/whatsapp/{instanceId}/status": { simulator: "connection", shown: link(scanned) },
  "GET /api/whatsapp/{instanceId}/qr": { simulator: "linking", shown: link(scanned) },
  "POST /api/whatsapp/{instanceId}/send": {
    simulator: "messages",
    shown: shownIn("integration/text.test.ts")("a text goes out as it was given: %s"),
  },
  "POST /api/whatsapp/{instanceId}/logout": { simulator: "unlinking", shown: link(loggedOut) },
  "GET /api/whatsapp/{instanceId}/contacts": {
    simulator: "app state",
    shown: contacts("the address book, which was there before the instance was linked"),
  },
  "GET /api/whatsapp/{instanceId}/contacts/{contactId}": {
    simulator: "app state",
    shown: contacts("one contact is found by number, JID and LID"),
  },
  "GET /api/whatsapp/{instanceId}/check/{phone}": {
    simulator: "numbers",
    shown: contacts("tells who is on WhatsApp and who is not, for one and for many, in the order of the question"),
  },
  "POST /api/whatsapp/{instanceId}/check": {
    simulator: "numbers",
    shown: contacts("tells who is on WhatsApp and who is not, for one and for many, in the order of the question"),
  },
  "PUT /api/whatsapp/{instanceId}/messages/{messageId}": {
    simulator: "fate",
    shown: actions("changes the text at the recipient's phone, in the history, and is told of once"),
  },
  "POST /api/whatsapp/{instanceId}/messages/{messageId}/reaction": {
    simulator: "fate",
    shown: actions("a reaction stands at the message, in the history as a message of its own, and can be taken back"),
  },
  "DELETE /api/whatsapp/{instanceId}/messages/{messageId}": {
    simulator: "fate",
    shown: actions("takes the message away for everyone, and the history says so"),
  },
  "POST /api/whatsapp/{instanceId}/typing": {
    simulator: "presence",
    shown: actions("typing is seen by whoever is written to"),
  },
  "POST /api/whatsapp/{instanceId}/read": {
    simulator: "receipts",
    shown: actions(
      "read marks reach the senders: of the messages that are named, then of all that are left in the chat",
    ),
  },
  "POST /api/whatsapp/{instanceId}/send-media": {
    simulator: "media",
    shown: shownIn("integration/media.test.ts")("%s arrives at the phone and rests in storage with the same bytes"),
  },
  "POST /api/whatsapp/{instanceId}/send-file": {
    simulator: "media",
    shown: upload("arrives with the same bytes, its caption and the name that the part has, in any writing"),
  },
  "POST /api/whatsapp/{instanceId}/uploads": {
    simulator: "media",
    shown: upload("of some size goes through whole, both ways, to as many as one likes"),
  },
  "GET /api/instances/{instanceId}/messages/{messageId}/media": {
    simulator: "media",
    shown: upload("of some size goes through whole, both ways, to as many as one likes"),
  },
  "GET /api/whatsapp/{instanceId}/scheduled": {
    simulator: "messages",
    shown: bulk("what is scheduled comes at its time and not before, also when everything was restarted meanwhile"),
  },
  "DELETE /api/whatsapp/{instanceId}/scheduled/{messageId}": {
    simulator: "messages",
    shown: bulk("whoever is first, the host or who calls it off, wins alone"),
  },
  "POST /api/whatsapp/{instanceId}/bulk": { simulator: "messages", shown: bulk(toMany) },
  "GET /api/whatsapp/{instanceId}/bulk": { shown: bulk(toMany) },
  "GET /api/whatsapp/{instanceId}/bulk/{bulkId}": { shown: bulk(toMany) },
  "GET /api/whatsapp/{instanceId}/bulk/{bulkId}/recipients": { shown: bulk(toMany) },
  "DELETE /api/whatsapp/{instanceId}/bulk/{bulkId}": {
    simulator: "messages",
    shown: bulk("a bulk that is called off half-way goes no further, and what had left is told of"),
  },
  "GET /api/instances/{instanceId}/webhooks/deliveries": { shown: hooks(logged) },
  "GET /api/instances/{instanceId}/webhooks/deliveries/{deliveryId}": { shown: hooks(logged) },
  "POST /api/instances/{instanceId}/webhooks/deliveries/{deliveryId}/replay": {
    shown: hooks("a replay goes out again under the same id, where the webhook goes now, and its tries are logged on"),
  },
  "POST /api/instances/{instanceId}/webhooks/replay": {
    shown: hooks(
      "a time range is replayed in order, the failed ones unless all are asked for, of the events that are named",
    ),
  },
  "POST /api/instances/{instanceId}/webhooks/test": {
    shown: hooks("a test is posted at once, signed, and its answer is told, also that of a dead endpoint"),
  },
  "GET /api/instances/{instanceId}/webhooks/status": {
    shown: hooks("the status says how the endpoint fares, and switching the webhook on again forgets it"),
  },
  "GET /api/stats/user": { shown: stats("is each message once, its media and their size, in the owner's statistics") },
  "GET /api/stats/instances/{instanceId}": {
    shown: stats("count with valid credentials whatever they are answered, by user and by the instance that was found"),
  },
  "GET /api/stats/system": { shown: stats("an admin sees everybody together, as a recount gives it") },
  "GET /api/instances/{instanceId}/events": {
    shown: shownIn("api/message/events.test.ts")("is shown from the oldest to the newest, and paged by what one has"),
  },
  "GET /api/commands/{commandId}": { shown: instances("%s %s answers 202 and where to look while %s is open") },
};
