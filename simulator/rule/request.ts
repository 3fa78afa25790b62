import { baileys, defineRule, issue, whatsmeow } from "./define.ts";

const limits =
  "tests/simulator/session/lookup-limit.test.ts > the simulator answers too many look-ups of a device with 429";

/** Requests (`iq`) and their answers. */
export const requestRules = [
  defineRule({
    name: "unanswered_request",
    claim: "WhatsApp doesn't answer a request that it doesn't know or that is malformed.",
    sources: [baileys("Socket/chats.js", "causes the server to never respond")],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/protocol.test.ts > the simulator doesn't answer an unknown request and records it, or answers with 501 if the rule is relaxed",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "account_lookup_limit",
    claim:
      "WhatsApp refuses too many look-ups of accounts and devices (`usync`) with 429 `rate-overlimit`. The limit isn't known.",
    sources: [whatsmeow("errors.go", "ErrIQRateOverLimit"), issue("WhiskeySockets/Baileys", 1261)],
    checked: "2026-11",
    tests: [limits],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "group_lookup_limit",
    claim: "WhatsApp refuses too many look-ups of groups with 429 `rate-overlimit`. The limit isn't known.",
    sources: [
      whatsmeow("errors.go", "ErrIQRateOverLimit"),
      issue("WhiskeySockets/Baileys", 795),
      issue("WhiskeySockets/Baileys", 1261),
    ],
    checked: "2026-11",
    tests: [limits],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "prekey_lookup_limit",
    claim: "WhatsApp refuses too many look-ups of prekeys with 429 `rate-overlimit`. The limit isn't known.",
    sources: [whatsmeow("errors.go", "ErrIQRateOverLimit")],
    checked: "2026-11",
    tests: [limits],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
];
