import { baileys, defineRule, issue, whatsmeow } from "./define.ts";

/** Messages, receipts and retries. */
export const messageRules = [
  defineRule({
    name: "envelope_both_jids",
    claim: "The envelope of a message names its sender by LID or by phone number, and also contains the other JID.",
    sources: [
      baileys("Utils/decode-wa-message.js", "extractAddressingContext"),
      whatsmeow("message.go", "parseMessageSource"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/device.test.ts > the simulator delivers messages from the client of one account to the client of another account",
    ],
    enforced: true,
    witness: "tests/peers/link.test.ts",
  }),
  defineRule({
    name: "own_devices",
    claim: "The other devices of the sender get a copy of each message, which names the chat.",
    sources: [baileys("Socket/messages-send.js", "deviceSentMessage"), whatsmeow("send.go", "DeviceSentMessage")],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/device.test.ts > the simulator delivers messages to each linked device, including messages that other devices of its account send",
    ],
    enforced: true,
    witness: "tests/peers/link.test.ts",
  }),
  defineRule({
    name: "one_ciphertext_form",
    claim: "WhatsApp refuses a message to one person with 479 if it has both a ciphertext and a list of participants.",
    sources: [issue("WhiskeySockets/Baileys", 2781)],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/text.test.ts > the simulator rejects a message to one person that has a ciphertext and a list of participants with 479",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "retry_receipt",
    claim: "A device that can't decrypt a message asks its sender to send it again, at most five times.",
    sources: [baileys("Defaults/index.js", "maxMsgRetryCount"), whatsmeow("retry.go", "handleRetryReceipt")],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/fault.test.ts > the simulator sends a message again, under the same id, to a client that cannot decrypt the message",
      "tests/simulator/session/fault.test.ts > a phone requests a retry of a message that it cannot decrypt, and shows the message once",
    ],
    enforced: true,
    witness: "tests/peers/phone.test.ts",
  }),
  defineRule({
    name: "no_deduplication",
    claim: "A client can send a message again under its id after a lost connection. Apps show the message once.",
    sources: [whatsmeow("send.go", "retryFrame")],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/protocol.test.ts > a phone shows a message that arrives twice under one id once, and counts the copies",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "read_receipts",
    claim: "A read receipt reaches the author of the message and the other devices of the reader.",
    sources: [baileys("Socket/messages-send.js", "sendReceipt"), whatsmeow("receipt.go", "MarkRead")],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/text.test.ts > the simulator delivers a phone's read receipts to the client that sent the message",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "inactive_receipt",
    claim: "A receipt of the type `inactive` reaches the sender, whose apps ignore it.",
    sources: [whatsmeow("receipt.go", "SetForceActiveDeliveryReceipts")],
    checked: "2026-11",
    tests: [
      "tests/slow/session/online-state.test.ts > a message counts as delivered for its sender only when the owner's phone has the message",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "status_audience",
    claim: "A status post reaches only the devices that its sender names.",
    sources: [
      baileys("Socket/messages-send.js", "statusJidList"),
      whatsmeow("broadcast.go", "getStatusBroadcastRecipients"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/status-post.test.ts > the simulator delivers a client's status post only to its audience, and reports to the client who has viewed it",
    ],
    enforced: true,
    witness: "tests/peers/phone.test.ts",
  }),
  defineRule({
    name: "broadcast_list",
    claim:
      "A message to a broadcast list reaches each person in the chat with its sender. Linked devices can't send to a list.",
    sources: [
      baileys("Utils/decode-wa-message.js", "other_broadcast"),
      whatsmeow("README.md", "not supported on WhatsApp web either"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/actions.test.ts > a message to a broadcast list reaches each person in the chat with its sender",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "edits_and_deletions",
    claim:
      "Apps apply an edit or deletion only if its author may change the message. A group admin may delete any message of the group.",
    sources: [
      whatsmeow("send.go", "getEditAttribute"),
      baileys("Socket/messages-send.js", "additionalAttributes.edit"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/actions.test.ts > the simulator applies a client's edit, reaction and deletion on the phones that have the message",
      "tests/simulator/message/actions.test.ts > the simulator lets only a group admin delete another member's message, and lets nobody edit another member's message",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "sealed_changes",
    claim:
      "Since May 2026, apps seal edits, reactions in announcement groups and comments with the secret of the message.",
    sources: [whatsmeow("msgsecret.go", "DecryptSecretEncryptedMessage"), issue("WhiskeySockets/Baileys", 2541)],
    checked: "2026-11",
    tests: [
      "tests/integration/message/about.test.ts > %s: a sealed edit changes the original, once, for every combination of JIDs",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "survey_answers",
    claim:
      "A vote on a poll and an answer to a calendar event are encrypted with a key from the secret of the poll or event.",
    sources: [
      whatsmeow("msgsecret.go", "generateMsgSecretKey"),
      baileys("Utils/process-message.js", "decryptEventResponse"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/control/control.test.ts > the control API sends and answers polls and calendar events, and shows the answers on each phone",
    ],
    enforced: true,
    witness: "tests/peers/phone.test.ts",
  }),
  defineRule({
    name: "chat_timer",
    claim:
      "Either person of a chat sets the timer for disappearing messages, and from then on each message carries it.",
    sources: [whatsmeow("send.go", "SetDisappearingTimer"), issue("WhiskeySockets/Baileys", 2709)],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/actions.test.ts > both phones of a chat send the timer that one of them sets, and a client gets it",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "answer_names_responder",
    claim:
      "The key of a vote or an answer depends on the JID by which the envelope names the responder: by LID in groups, and by the address of a direct chat.",
    sources: [
      whatsmeow("msgsecret.go", "generateMsgSecretKey(useCase, msg.Info.Sender"),
      {
        name: "whatsapp-rust, resolve_responder_jid",
        url: "https://github.com/oxidezap/whatsapp-rust",
      },
    ],
    checked: "2026-11",
    tests: [
      "tests/integration/message/polls-and-calendar-events.test.ts > the account votes in a received poll, changes its vote and withdraws it: %s",
      "tests/integration/message/polls-and-calendar-events.test.ts > the account answers a received calendar event, and changes its answer: %s",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "answer_meta",
    claim:
      "The stanza of a vote has a `meta` node with `polltype` `vote`, and that of an answer to a calendar event one with `event_type` `response`.",
    sources: [
      whatsmeow("send.go", "polltype"),
      { name: "whatsapp-rust, infer_stanza_metadata", url: "https://github.com/oxidezap/whatsapp-rust" },
    ],
    checked: "2026-11",
    tests: [],
    enforced: false,
    witness: false,
  }),
  defineRule({
    name: "mention_all",
    claim: "`nonJidMentions` in the context of a message to a group mentions all members.",
    sources: [
      baileys("Utils/messages.js", "nonJidMentions"),
      {
        name: "mautrix-whatsapp, pkg/msgconv/from-matrix.go",
        url: "https://github.com/mautrix/whatsapp/blob/0182cec229ce4e5464de4182ec5592723835f895/pkg/msgconv/from-matrix.go",
        text: "NonJIDMentions",
      },
      issue("WhiskeySockets/Baileys", 2396),
    ],
    checked: "2026-11",
    tests: ["tests/integration/message/polls-and-calendar-events.test.ts > all members of a group are mentioned, %s"],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "quoted_status",
    claim:
      "A reply to a status post is a message in the chat with its author. Its context names the chat of the quoted message, `status@broadcast`.",
    sources: [baileys("Utils/messages.js", "contextInfo.remoteJid = quoted.key.remoteJid")],
    checked: "2026-11",
    tests: [
      "tests/integration/message/polls-and-calendar-events.test.ts > the reply quotes the post in the chat with its author, and in no other chat",
    ],
    enforced: false,
    witness: false,
  }),
  defineRule({
    name: "call_offer",
    claim:
      "A call rings on all devices of the called account until one of them accepts or rejects it, the caller hangs up, or it times out.",
    sources: [baileys("Socket/messages-recv.js", "handleCall"), whatsmeow("call.go", "handleCallEvent")],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/call.test.ts > the simulator ends a call on the client when the phone accepts the call, the caller hangs up or nobody answers",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "verified_name",
    claim: "Messages of a business contain a certificate with its verified name.",
    sources: [baileys("Utils/decode-wa-message.js", "verified_name")],
    checked: "2026-11",
    tests: ["tests/integration/message/context.test.ts > %s: a message of a business has its verified name"],
    enforced: true,
    witness: false,
  }),
];
