import { baileys, defineRule } from "./define.ts";

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
];
