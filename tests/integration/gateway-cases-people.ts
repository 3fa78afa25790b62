import { shownIn } from "./endpoint-frame.ts";
import { type GatewayCases, holds } from "./gateway-case.ts";

const here = shownIn("integration/gateway-contacts.test.ts");
const listed = here("are listed and found by number, JID or LID, also while the instance is not connected");
const blocked = here("that are blocked reach neither the phone nor the webhook until they are unblocked");
const lids = here("have LIDs, which lead to their numbers and back; what is in no list, WhatsApp is asked for");
const others = here("of others is told with its age once it was subscribed to, by number and LID alike");
const picture = here("gets a picture and loses it again");
const nobody = [{ body: {} }, { body: { phoneNumber: "12" } }];
const asked = [{}, { query: "phoneNumber=12" }];

export const peopleCases: GatewayCases = {
  "GET /api/contacts/{instanceId}/all": { shown: listed, invalid: [{ query: "limit=0" }], unconnected: 200 },
  "GET /api/contacts/{instanceId}": {
    answers: { data: { number: "6281234567890" } },
    shown: listed,
    invalid: asked,
    unconnected: 404,
  },
  "GET /api/contacts/{instanceId}/check-exists": {
    answers: { data: { exists: true } },
    simulator: "numbers",
    shown: here("exist on WhatsApp or do not"),
    invalid: asked,
  },
  "GET /api/contacts/{instanceId}/about": {
    simulator: "profile",
    shown: here("tell about themselves what they show us, and nothing else"),
    invalid: asked,
  },
  "POST /api/contacts/{instanceId}/block": {
    seen: async ({ owner, bob }) => holds(() => owner.account.blocked.has(bob.account.lid)),
    simulator: "blocklist",
    shown: blocked,
    invalid: nobody,
  },
  "POST /api/contacts/{instanceId}/unblock": {
    seen: async ({ owner }) => holds(() => owner.account.blocked.size === 0),
    simulator: "blocklist",
    shown: blocked,
    invalid: nobody,
  },
  "PUT /api/contacts/{instanceId}/{chatId}": {
    seen: async ({ owner, bob }) =>
      holds(() => owner.appState.get("contact", bob.jid)?.contactAction?.fullName === "New Contact Name"),
    simulator: "app state",
    shown: here("are called in the phone's address book as they are renamed here, and here as they are renamed there"),
    invalid: [{ body: {} }, { params: { chatId: "nobody" }, body: { name: "x" } }],
  },
  "GET /api/contacts/{instanceId}/lids": { shown: lids, unconnected: 200 },
  "GET /api/contacts/{instanceId}/lids/count": { shown: lids, unconnected: 200 },
  "GET /api/contacts/{instanceId}/lids/{lid}": {
    with: ({ carol }) => ({ params: { lid: carol.account.lid } }),
    answers: { data: { phoneNumber: "6289876543210" } },
    simulator: "numbers",
    shown: lids,
    invalid: [{ params: { lid: "x" } }],
    unconnected: 409,
  },
  "GET /api/contacts/{instanceId}/lids/pn/{phoneNumber}": {
    with: ({ carol }) => ({ params: { phoneNumber: carol.number } }),
    simulator: "numbers",
    shown: lids,
    invalid: [{ params: { phoneNumber: "12" } }],
    unconnected: 409,
  },
  "GET /api/profile/{instanceId}": { simulator: "profile", shown: here("shows number, LID and name") },
  "PUT /api/profile/{instanceId}/name": {
    simulator: "profile",
    shown: here("gets a name, which others see with the next message"),
    invalid: [{ body: {} }, { body: { name: "x".repeat(26) } }],
  },
  "PUT /api/profile/{instanceId}/status": {
    seen: async ({ owner }) => holds(() => owner.account.about === "Hey there! I'm using WhatsApp"),
    simulator: "profile",
    shown: here("gets a status, which is what WhatsApp tells of it"),
    invalid: [{ body: {} }, { body: { status: "x".repeat(140) } }],
  },
  "PUT /api/profile/{instanceId}/picture": {
    seen: async ({ owner }) => holds(() => owner.account.picture),
    simulator: "profile",
    shown: picture,
    invalid: [{ body: {} }, { body: { image: "file:///etc/passwd" } }],
  },
  "DELETE /api/profile/{instanceId}/picture": {
    seen: async ({ owner }) => holds(() => !owner.account.picture),
    simulator: "profile",
    shown: picture,
  },
  "POST /api/presence/{instanceId}": {
    seen: async ({ owner }) => holds(() => owner.account.available),
    simulator: "presence",
    shown: here("of the account is seen: online or not, and in one chat that something is typed"),
    invalid: [{ body: {} }, { body: { presence: "away" } }, { body: { presence: "composing" } }],
  },
  "GET /api/presence/{instanceId}": { simulator: "presence", shown: others },
  "GET /api/presence/{instanceId}/{chatId}": {
    simulator: "presence",
    shown: others,
    invalid: [{ params: { chatId: "nobody" } }],
  },
  "POST /api/presence/{instanceId}/{chatId}/subscribe": {
    simulator: "presence",
    shown: others,
    invalid: [{ params: { chatId: "nobody" } }],
  },
};
