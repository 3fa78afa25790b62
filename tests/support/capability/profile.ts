import { defineCapability } from "./define.ts";

const contactTests = "tests/integration/contact/profile-and-presence.test.ts";
const businessTests = "tests/integration/contact/labels.test.ts";

export const profile = [
  defineCapability({
    name: "Get the picture of a person or a group",
    commands: ["contact.picture"],
    gateway: ["GET /api/contacts/{instanceId}/picture", "GET /api/groups/{instanceId}/{groupId}/picture"],
    multiInstance: [],
    simulator: "profile",
    tests: [
      `${contactTests} > the picture of a person or a group is returned in both sizes, unless it is hidden`,
      "tests/integration/group/management.test.ts > members see the group's picture set and removed",
    ],
  }),
  defineCapability({
    name: "Get the about text of a person",
    commands: ["contact.about"],
    gateway: ["GET /api/contacts/{instanceId}/about"],
    multiInstance: [],
    simulator: "profile",
    tests: [`${contactTests} > a contact's about text and picture are returned as far as its privacy settings allow`],
  }),
  defineCapability({
    name: "Block a person and list blocked people",
    commands: ["contact.setBlocked", "contact.blocked"],
    gateway: [
      "POST /api/contacts/{instanceId}/block",
      "POST /api/contacts/{instanceId}/unblock",
      "GET /api/contacts/{instanceId}/blocked",
    ],
    multiInstance: [],
    simulator: "blocklist",
    tests: [
      `${contactTests} > messages of a blocked contact reach neither the phone nor the webhook until the contact is unblocked`,
    ],
  }),
  defineCapability({
    name: "Read and change privacy settings",
    commands: ["profile.getPrivacy", "profile.setPrivacy"],
    gateway: ["GET /api/profile/{instanceId}/privacy", "PUT /api/profile/{instanceId}/privacy"],
    multiInstance: [],
    simulator: "profile",
    tests: [`${contactTests} > privacy settings are read and changed, and apply to the account's receipts at once`],
  }),
  defineCapability({
    name: "Read and change a business profile",
    commands: ["business.getProfile", "business.setProfile"],
    gateway: ["GET /api/business/{instanceId}/profile", "PUT /api/business/{instanceId}/profile"],
    multiInstance: [],
    simulator: "business",
    tests: [`${businessTests} > the profile of a business is read and changed, and a field that is absent stays`],
  }),
  defineCapability({
    name: "Read a catalog and its collections",
    commands: ["business.catalog", "business.collections"],
    gateway: ["GET /api/business/{instanceId}/catalog", "GET /api/business/{instanceId}/collections"],
    multiInstance: [],
    simulator: "business",
    tests: [
      `${businessTests} > the catalog of a business is read page by page, and its hidden products only by itself`,
    ],
  }),
  defineCapability({
    name: "Read an order",
    commands: ["business.order"],
    gateway: ["GET /api/business/{instanceId}/orders/{orderId}"],
    multiInstance: [],
    simulator: "business",
    tests: [`${businessTests} > the order of a customer is read with the token in its message`],
  }),
];
