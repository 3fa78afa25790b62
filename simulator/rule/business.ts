import { baileys, defineRule, whatsmeow } from "./define.ts";

const BUSINESS = "tests/integration/contact/labels.test.ts";
const CONTACT = "tests/integration/contact/profile-and-presence.test.ts";

/** Business accounts, privacy settings and block lists. */
export const businessRules = [
  defineRule({
    name: "business_profile_delta",
    claim: "A change of a business profile names the changed fields. WhatsApp keeps the other fields.",
    sources: [baileys("Socket/business.js", "mutation_type: 'delta'"), whatsmeow("user.go", "parseBusinessProfile")],
    checked: "2026-11",
    tests: [`${BUSINESS} > the profile of a business is read and changed, and a field that is absent stays`],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "catalog_pages",
    claim:
      "A page of a catalog ends with a cursor if more products follow. The next request has the cursor as `after`.",
    sources: [baileys("Utils/business.js", "nextPageCursor"), baileys("Socket/business.js", "tag: 'after'")],
    checked: "2026-11",
    tests: [`${BUSINESS} > the catalog of a business is read page by page, and its hidden products only by itself`],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "order_token",
    claim: "WhatsApp returns the products of an order to a request with the token from the order's message.",
    sources: [baileys("Socket/business.js", "getOrderDetails")],
    checked: "2026-11",
    tests: [`${BUSINESS} > the order of a customer is read with the token in its message`],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "privacy_values",
    claim: "Each privacy setting has a fixed set of values, and WhatsApp refuses others.",
    sources: [whatsmeow("types/user.go", "PrivacySettingType"), baileys("Socket/chats.js", "privacyQuery")],
    checked: "2026-11",
    tests: [`${CONTACT} > privacy settings are read and changed, and apply to the account's receipts at once`],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "about_request",
    claim: "The about text of a person is read with a `usync` query of the protocol `status`.",
    sources: [whatsmeow("user.go", "GetUserInfo"), baileys("Socket/chats.js", "withStatusProtocol")],
    checked: "2026-11",
    tests: [`${CONTACT} > a contact's about text and picture are returned as far as its privacy settings allow`],
    enforced: true,
    witness: false,
  }),
];
