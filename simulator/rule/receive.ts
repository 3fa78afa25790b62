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
      "tests/integration/message/unreadable.test.ts > an unreadable %s is acknowledged without an error, and holds nothing back",
    ],
    enforced: false,
    witness: false,
  }),
] as const;
