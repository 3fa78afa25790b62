import { baileys, defineRule, issue, whatsmeow } from "./define.ts";

/** Presence, typing and profiles. */
export const presenceRules = [
  defineRule({
    name: "untyped_presence",
    claim: "A presence without a type means available.",
    sources: [
      whatsmeow("presence.go", "handlePresence"),
      issue("WhiskeySockets/Baileys", 2553),
      { name: "RFC 6121, section 4.7.1", url: "https://www.rfc-editor.org/rfc/rfc6121#section-4.7.1" },
    ],
    checked: "2026-11",
    tests: ["tests/simulator/account/profile.test.ts > the simulator treats a presence without a type as available"],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "about_mutation",
    claim: "The about text is set by a GraphQL mutation, and no longer by an `iq` with the namespace `status`.",
    sources: [whatsmeow("user.go", "mutationUpdateTextStatus")],
    checked: "2026-11",
    tests: [
      "tests/integration/contact/profile-and-presence.test.ts > a new profile status is the about text on WhatsApp",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "presence_only_online",
    claim: "A linked device gets the presence and typing of others only while it is online.",
    sources: [
      whatsmeow("presence.go", "require you to be online"),
      { name: "mautrix-whatsapp#452", url: "https://github.com/mautrix/whatsapp/pull/452" },
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/account/profile.test.ts > the simulator shows the presence and typing of others only to a device that is online",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "push_while_offline",
    claim: "While a linked device is online, the phone gets no push notifications.",
    sources: [baileys("Socket/chats.js", "markOnlineOnConnect"), issue("WhiskeySockets/Baileys", 2553)],
    checked: "2026-11",
    tests: [],
    enforced: false,
    witness: false,
  }),
  defineRule({
    name: "picture_request",
    claim:
      "A profile picture is a file on a media host. `w:profile:picture` returns its path, 404 if there is none, and 401 if the account hides it.",
    sources: [baileys("Socket/chats.js", "profilePictureUrl"), whatsmeow("user.go", "ErrProfilePictureNotSet")],
    checked: "2026-11",
    tests: [
      "tests/simulator/account/profile.test.ts > the simulator sets, returns and removes the profile pictures of accounts and groups",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "block_list",
    claim: "A blocked account can send, but WhatsApp delivers nothing from it, and hides the profile from it.",
    sources: [baileys("Socket/chats.js", "updateBlockStatus")],
    checked: "2026-11",
    tests: [
      "tests/simulator/account/profile.test.ts > the simulator returns the latest about text, privacy settings and block list",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "number_lookup",
    claim: "`usync` tells which numbers are on WhatsApp, their devices and their LIDs.",
    sources: [baileys("WAUSync/USyncQuery.js", "parseUSyncQueryResult"), whatsmeow("user.go", "IsOnWhatsApp")],
    checked: "2026-11",
    tests: ["tests/simulator/session/link.test.ts > the simulator returns only the numbers that are on WhatsApp"],
    enforced: true,
    witness: "tests/peers/phone.test.ts",
  }),
];
