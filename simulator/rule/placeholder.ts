import { baileys, defineRule, issue, whatsmeow } from "./define.ts";

/** Messages without content, and files that are gone. */
export const placeholderRules = [
  defineRule({
    name: "unavailable_types",
    claim:
      "Linked devices get `<unavailable>` instead of the ciphertext of some messages: view-once messages, messages of bots and of hosted businesses, and messages after a click on an ad.",
    sources: [
      baileys("Socket/messages-recv.js", "bot_unavailable_fanout"),
      whatsmeow("types/events/events.go", "UnavailableType"),
      issue("WhiskeySockets/Baileys", 1034),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/control/control.test.ts > a linked device gets a message without content, asks the phone for it, and the phone answers when it is told to",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "placeholder_request",
    claim: "The phone sends a linked device the content of a message that it asks for, except for view-once messages.",
    sources: [
      baileys("Socket/messages-send.js", "sendPeerDataOperationMessage"),
      whatsmeow("send.go", "BuildUnavailableMessageRequest"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/control/control.test.ts > a linked device gets a message without content, asks the phone for it, and the phone answers when it is told to",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "placeholder_age",
    claim: "WhatsApp Web doesn't ask for messages that are older than 14 days.",
    sources: [baileys("Defaults/index.js", "PLACEHOLDER_MAX_AGE_SECONDS")],
    checked: "2026-11",
    tests: [],
    enforced: false,
    witness: false,
  }),
  defineRule({
    name: "hidden_failure",
    claim: "Apps don't show that they couldn't decrypt a message that is marked `decrypt-fail=\"hide\"`.",
    sources: [whatsmeow("types/events/events.go", "DecryptFailHide")],
    checked: "2026-11",
    tests: [
      "tests/fault/unreadable.test.ts > after a restart, the phone is asked again for what it has not supplied, and what waited for a copy is told, unless apps hide it",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "media_upload_again",
    claim:
      "A linked device can ask its phone to upload the file of a message again. The answer contains the new path, encrypted with a key from the media key.",
    sources: [
      whatsmeow("mediaretry.go", "DecryptMediaRetryNotification"),
      baileys("Utils/messages-media.js", "encryptMediaRetryRequest"),
    ],
    checked: "2026-11",
    tests: [
      "tests/integration/media/transfer.test.ts > a file that is gone from the media host is fetched after the phone has uploaded it again",
    ],
    enforced: true,
    witness: false,
  }),
];
