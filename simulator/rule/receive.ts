import { baileys, defineRule, issue, whatsmeow } from "./define.ts";

/** What WhatsApp does with what it delivers to a device. */
export const receiveRules = [
  defineRule({
    name: "rejected_status_stays",
    claim:
      "WhatsApp keeps a status that a device acknowledges with the error 500, delivers it again at each login, and withholds all that came later.",
    sources: [issue("WhiskeySockets/Baileys", 2779), baileys("Socket/messages-recv.js", "NACK_REASONS.UnhandledError")],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/status-post.test.ts > a status that a client rejects stays, and holds back all that comes later, unless the rule is relaxed",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "unreadable_plain_ack",
    claim:
      "A client acknowledges a message that it can't decrypt without an error code, after it has asked the sender again.",
    sources: [whatsmeow("message.go", "cli.sendAck(ctx, node, 0)"), issue("WhiskeySockets/Baileys", 2779)],
    checked: "2026-11",
    tests: [
      "tests/fault/message/unreadable.test.ts > an unreadable %s is acknowledged without an error, and holds nothing back",
    ],
    enforced: false,
    witness: false,
  }),
  defineRule({
    name: "app_state_snapshot",
    claim:
      "A device that has no version of a collection of the app state gets it as a file on the media host. The MAC in it is that of the newest patch.",
    sources: [
      whatsmeow("appstate/decode.go", "validateSnapshotMAC"),
      baileys("Utils/chat-utils.js", "downloadExternalBlob"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/account/app-state.test.ts > the simulator gives a newly linked device the current app state",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "app_state_keys",
    claim: "The phone shares a key of the app state when a linked device asks for it with a peer message.",
    sources: [whatsmeow("appstate.go", "requestAppStateKeys")],
    checked: "2026-11",
    tests: ["tests/integration/contact/contacts.test.ts > a name is up to date after %s"],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "app_state_read_again",
    claim: "A client refuses app state whose MAC is wrong, and reads the whole collection again.",
    sources: [
      whatsmeow("appstate/decode.go", "ErrMismatchingPatchMAC"),
      baileys("Utils/chat-utils.js", "Invalid patch mac"),
    ],
    checked: "2026-11",
    tests: ["tests/integration/contact/contacts.test.ts > a name is up to date after %s"],
    enforced: false,
    witness: false,
  }),
] as const;
