import { baileys, defineRule, mautrix, whatsmeow } from "./define.ts";

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
    name: "unarchive_on_message",
    claim:
      "If the owner doesn't keep chats archived, a new message in either direction, or a reaction to a message of the account, takes its chat out of the archive. Each device works that out from the setting and the range of the archived messages; the app state doesn't change.",
    sources: [
      baileys("Utils/process-message.js", "accountSettings?.unarchiveChats"),
      baileys("Utils/chat-utils.js", "then the chat should be marked unarchved"),
      whatsmeow("appstate/keys.go", "whether to unarchive chats when messages come in"),
    ],
    checked: "2026-11",
    tests: [
      `${chatTest} > that the %s archived leaves the archive when %s`,
      `${chatTest} > leaves it archived as long as the owner keeps chats archived`,
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "deleted_chat_state",
    claim: "A deleted chat is removed with its state: when it returns, it is neither pinned nor muted nor archived.",
    sources: [
      baileys("Utils/event-buffer.js", "remove any prior updates & upserts"),
      mautrix("pkg/connector/handlewhatsapp.go", "RemoteEventChatDelete"),
    ],
    checked: "2026-11",
    tests: [`${chatTest} > a chat that the %s deletes is neither pinned nor muted nor archived when it returns`],
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
