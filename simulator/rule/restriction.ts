import { baileys, defineRule, issue, whatsmeow } from "./define.ts";

const waits =
  "tests/slow/message/bulk-and-scheduled.test.ts > sends to new chats wait with the reason, replies go on, and all go out in order when WhatsApp ends it";

/** What WhatsApp restricts for an account that sends too much, or to too many strangers. */
export const restrictionRules = [
  defineRule({
    name: "time_lock",
    claim:
      "While an account is time-locked, WhatsApp refuses its messages to people who have not written to it with 463, and lets it answer those who have.",
    sources: [
      baileys("Utils/decode-wa-message.js", "MessageAccountRestriction: '463'"),
      issue("WhiskeySockets/Baileys", 2441),
      issue("WhiskeySockets/Baileys", 2707),
    ],
    checked: "2026-11",
    tests: [waits],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "time_lock_notice",
    claim: "WhatsApp tells the devices of an account in a `mex` notification when a time-lock begins or ends.",
    sources: [
      baileys("Socket/messages-recv.js", "NotificationUserReachoutTimelockUpdate"),
      whatsmeow("types/events/events.go", "NotifyAccountReachoutTimelock"),
    ],
    checked: "2026-11",
    tests: [
      "tests/slow/message/bulk-and-scheduled.test.ts > a time-lock that WhatsApp announces ends by itself at its time",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "time_lock_query",
    claim:
      "WhatsApp answers a query for the time-lock of the account with whether it is active, its reason and its end.",
    sources: [baileys("Socket/socket.js", "fetchAccountReachoutTimelock")],
    checked: "2026-11",
    tests: [waits],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "refusal_without_lock",
    claim:
      "WhatsApp also refuses single messages with 463 while the account is not time-locked, so the query decides what a 463 means.",
    sources: [issue("evolution-foundation/evolution-go", 50), issue("WhiskeySockets/Baileys", 2698)],
    checked: "2026-11",
    tests: [
      "tests/unit/session-host/brake.test.ts > a 463 without a time-lock fails the send, and WhatsApp is not asked for each refusal",
    ],
    enforced: false,
    witness: false,
  }),
  defineRule({
    name: "new_chat_cap",
    claim:
      "WhatsApp limits how many messages some accounts send to new chats in a cycle, and reports quota, use and the end of the cycle.",
    sources: [
      baileys("Socket/messages-recv.js", "MessageCappingInfoNotification"),
      baileys("Socket/socket.js", "INDIVIDUAL_NEW_CHAT_MSG"),
    ],
    checked: "2026-11",
    tests: [
      "tests/slow/message/bulk-and-scheduled.test.ts > when the messages to new chats are used up, further ones wait until WhatsApp allows more",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "message_rate",
    claim: "WhatsApp refuses messages of an account that sends too many in a short time with 429.",
    sources: [issue("WhiskeySockets/Baileys", 1248), whatsmeow("errors.go", "ErrIQRateOverLimit")],
    checked: "2026-11",
    tests: [
      "tests/slow/message/bulk-and-scheduled.test.ts > after a 429, all sends wait, a caller can ask to fail instead, and a waiting send can be canceled",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "invalid_stanza",
    claim:
      "WhatsApp refuses a message that it can't use with 479 (`smax-invalid`), for example one for outdated devices.",
    sources: [baileys("Utils/decode-wa-message.js", "SmaxInvalid: '479'"), issue("WhiskeySockets/Baileys", 2781)],
    checked: "2026-11",
    tests: [
      "tests/integration/message/text.test.ts > a text that WhatsApp refuses with 479 is sent again for the current devices",
    ],
    enforced: true,
    witness: false,
  }),
];
