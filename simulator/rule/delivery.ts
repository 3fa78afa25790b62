import { baileys, defineRule, whatsmeow } from "./define.ts";

/** How WhatsApp delivers stanzas to a linked device. */
export const deliveryRules = [
  defineRule({
    name: "kept_until_acknowledged",
    claim:
      "WhatsApp keeps a message, receipt or notification until the device acknowledges it, and sends it again, marked `offline`, after the next login.",
    sources: [baileys("Socket/socket.js", "CB:ib,,offline"), whatsmeow("receipt.go", "sendAck")],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/text.test.ts > the simulator keeps unacknowledged messages, and sends them again, marked offline, after the next login",
    ],
    enforced: true,
    witness: "tests/peers/link.test.ts",
  }),
];
