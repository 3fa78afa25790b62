import { testIn } from "../case.ts";
import { type GatewayCases, holds } from "./case.ts";

const effectTest = testIn("integration/contact/profile-and-presence.test.ts");
const listed = effectTest(
  "contacts are listed and found by number, JID or LID, also while the instance is not connected",
);
const blocked = effectTest(
  "messages of a blocked contact reach neither the phone nor the webhook until the contact is unblocked",
);
const lids = effectTest(
  "LIDs are translated to numbers and numbers to LIDs, with a query to WhatsApp if the pair is unknown",
);
const others = effectTest("the presence of a subscribed contact is returned with its age, by number and by LID");
const picture = effectTest("the profile picture is set and removed");
const privacy = effectTest("privacy settings are read and changed, and apply to the account's receipts at once");
const nobody = [{ body: {} }, { body: { phoneNumber: "12" } }];
const asked = [{}, { query: "phoneNumber=12" }];

export const contactCases: GatewayCases = {
  "GET /api/contacts/{instanceId}/all": { testedBy: listed, invalid: [{ query: "limit=0" }], unconnected: 200 },
  "GET /api/contacts/{instanceId}": {
    answers: { data: { number: "6281234567890" } },
    testedBy: listed,
    invalid: asked,
    unconnected: 404,
  },
  "GET /api/contacts/{instanceId}/check-exists": {
    answers: { data: { exists: true } },
    simulator: "numbers",
    testedBy: effectTest("a check says whether a number is on WhatsApp"),
    invalid: asked,
  },
  "GET /api/contacts/{instanceId}/about": {
    simulator: "profile",
    testedBy: effectTest("a contact's about text and picture are returned as far as its privacy settings allow"),
    invalid: asked,
  },
  "GET /api/contacts/{instanceId}/picture": {
    with: ({ bob }) => ({ query: `phoneNumber=${bob.number}` }),
    answers: { data: { pictureUrl: null } },
    simulator: "profile",
    testedBy: effectTest("the picture of a person or a group is returned in both sizes, unless it is hidden"),
    invalid: [...asked, { query: "phoneNumber=6281234567890&size=huge" }],
  },
  "GET /api/contacts/{instanceId}/blocked": { simulator: "blocklist", testedBy: blocked },
  "POST /api/contacts/{instanceId}/block": {
    effect: async ({ owner, bob }) => holds(() => owner.account.blocked.has(bob.account.lid)),
    simulator: "blocklist",
    testedBy: blocked,
    invalid: nobody,
  },
  "POST /api/contacts/{instanceId}/unblock": {
    effect: async ({ owner }) => holds(() => owner.account.blocked.size === 0),
    simulator: "blocklist",
    testedBy: blocked,
    invalid: nobody,
  },
  "PUT /api/contacts/{instanceId}/{chatId}": {
    effect: async ({ owner, bob }) =>
      holds(() => owner.appState.get("contact", bob.jid)?.contactAction?.fullName === "New Contact Name"),
    simulator: "app state",
    testedBy: effectTest(
      "a contact's name is the same in the API and in the phone's address book, whichever side changes it",
    ),
    invalid: [{ body: {} }, { params: { chatId: "nobody" }, body: { name: "x" } }],
  },
  "GET /api/contacts/{instanceId}/lids": { testedBy: lids, invalid: [{ query: "limit=0" }], unconnected: 200 },
  "GET /api/contacts/{instanceId}/lids/count": { testedBy: lids, unconnected: 200 },
  "GET /api/contacts/{instanceId}/lids/{lid}": {
    with: ({ carol }) => ({ params: { lid: carol.account.lid } }),
    answers: { data: { phoneNumber: "6289876543210" } },
    simulator: "numbers",
    testedBy: lids,
    invalid: [{ params: { lid: "x" } }],
    unconnected: 409,
  },
  "GET /api/contacts/{instanceId}/lids/pn/{phoneNumber}": {
    with: ({ carol }) => ({ params: { phoneNumber: carol.number } }),
    simulator: "numbers",
    testedBy: lids,
    invalid: [{ params: { phoneNumber: "12" } }],
    unconnected: 409,
  },
  "GET /api/profile/{instanceId}": {
    simulator: "profile",
    testedBy: effectTest("the profile has number, LID and name"),
  },
  "PUT /api/profile/{instanceId}/name": {
    simulator: "profile",
    testedBy: effectTest("a new profile name is visible to others with the next message"),
    invalid: [{ body: {} }, { body: { name: "x".repeat(26) } }],
  },
  "PUT /api/profile/{instanceId}/status": {
    effect: async ({ owner }) => holds(() => owner.account.about === "Hey there! I'm using WhatsApp"),
    simulator: "profile",
    testedBy: effectTest("a new profile status is the about text on WhatsApp"),
    invalid: [{ body: {} }, { body: { status: "x".repeat(140) } }],
  },
  "PUT /api/profile/{instanceId}/picture": {
    effect: async ({ owner }) => holds(() => owner.account.picture),
    simulator: "profile",
    testedBy: picture,
    invalid: [{ body: {} }, { body: { image: "file:///etc/passwd" } }],
  },
  "DELETE /api/profile/{instanceId}/picture": {
    effect: async ({ owner }) => holds(() => !owner.account.picture),
    simulator: "profile",
    testedBy: picture,
  },
  "GET /api/profile/{instanceId}/privacy": { simulator: "profile", testedBy: privacy },
  "PUT /api/profile/{instanceId}/privacy": {
    with: () => ({ body: { picture: "contacts" } }),
    answers: { data: { picture: "contacts" } },
    effect: async ({ owner }) => holds(() => owner.account.privacy.get("profile") === "contacts"),
    simulator: "profile",
    testedBy: privacy,
    invalid: [{ body: {} }, { body: { picture: "friends" } }, { body: { readReceipts: "none" } }],
  },
  "POST /api/presence/{instanceId}": {
    effect: async ({ owner }) => holds(() => owner.account.available),
    simulator: "presence",
    testedBy: effectTest("others see the account online or offline, and its typing in one chat"),
    invalid: [{ body: {} }, { body: { presence: "away" } }, { body: { presence: "composing" } }],
  },
  "GET /api/presence/{instanceId}": { simulator: "presence", testedBy: others },
  "GET /api/presence/{instanceId}/{chatId}": {
    simulator: "presence",
    testedBy: others,
    invalid: [{ params: { chatId: "nobody" } }],
  },
  "POST /api/presence/{instanceId}/{chatId}/subscribe": {
    simulator: "presence",
    testedBy: others,
    invalid: [{ params: { chatId: "nobody" } }],
  },
};
