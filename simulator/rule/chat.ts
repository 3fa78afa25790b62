import { baileys, defineRule, whatsmeow } from "./define.ts";

const chatTest = "tests/integration/contact/chats.test.ts";

/** How the phone and its linked devices share the state of chats. */
export const chatRules = [
  defineRule({
    name: "chat_action_place",
    claim:
      "Each action on a chat has a collection of the app state, a version, and an index with the JID: archive, pin and read in `regular_low`; mute, clear and delete in `regular_high`.",
    sources: [
      baileys("Utils/chat-utils.js", "index: ['markChatAsRead', jid]"),
      whatsmeow("appstate/encode.go", "IndexArchive, target.String()"),
    ],
    checked: "2026-11",
    tests: [`${chatTest} > the phone takes each change of the API without a complaint`],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "chat_action_range",
    claim:
      "Archive, read, clear and delete name the range of messages that they are about: the time of the last one, and its key, in a group with the author.",
    sources: [
      baileys("Utils/chat-utils.js", "Expected not from me message to have participant"),
      whatsmeow("appstate/encode.go", "LastMessageTimestamp"),
    ],
    checked: "2026-11",
    tests: [`${chatTest} > the phone takes each change of the API without a complaint`],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "archive_unpins",
    claim: "A device that archives a chat also unpins it.",
    sources: [whatsmeow("appstate/encode.go", "Archiving a chat will also unpin it automatically.")],
    checked: "2026-11",
    tests: [`${chatTest} > archiving a pinned chat unpins it, from the API and from the phone`],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "mute_without_end",
    claim: "A mute without an end has the end -1.",
    sources: [whatsmeow("appstate/encode.go", "BuildMute")],
    checked: "2026-11",
    tests: [`${chatTest} > a chat is muted without an end, until a time, and unmuted`],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "own_read_receipt",
    claim:
      "When a device reads messages, WhatsApp sends a read receipt to the other devices of the account, which names the chat. Its type is `read-self` if the account has switched read receipts off.",
    sources: [whatsmeow("receipt.go", "ReceiptTypeReadSelf"), baileys("Socket/messages-recv.js", "attrs.recipient")],
    checked: "2026-11",
    tests: [`${chatTest} > messages that the owner reads on the phone no longer count`],
    enforced: true,
    witness: false,
  }),
] as const;
