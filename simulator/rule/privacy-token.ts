import { baileys, defineRule, issue, whatsmeow } from "./define.ts";

/** Privacy tokens (`tctoken`), which show that an account may write to another. */
export const privacyTokenRules = [
  defineRule({
    name: "privacy_token_property",
    claim:
      "The server properties 10518 and 9666 tell clients to attach privacy tokens to messages and picture requests.",
    sources: [
      baileys("Socket/chats.js", "privacy_token_sending_on_all_1_on_1_messages"),
      whatsmeow("send.go", 'Tag:     "tctoken"'),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/account/privacy-token.test.ts > a client attaches the token of a contact that wrote to it",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "privacy_token_notice",
    claim:
      "After a message to a person, an app issues its privacy token to that person, whose linked devices get it in a notification.",
    sources: [
      baileys("Socket/messages-recv.js", "handlePrivacyTokenNotification"),
      whatsmeow("tctoken.go", "issuePrivacyToken"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/account/privacy-token.test.ts > a client attaches the token of a contact that wrote to it",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "privacy_token_week",
    claim: "An app issues its privacy token to a person at most once a week.",
    sources: [
      baileys("Utils/tc-token-utils.js", "TC_TOKEN_BUCKET_DURATION = 604800"),
      whatsmeow("tctoken.go", "tcTokenBucketDuration"),
    ],
    checked: "2026-11",
    tests: ["tests/simulator/account/privacy-token.test.ts > a phone issues its token once, not with each message"],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "privacy_token_window",
    claim: "A privacy token is valid for four weeks.",
    sources: [
      baileys("Utils/tc-token-utils.js", "TC_TOKEN_NUM_BUCKETS = 4"),
      whatsmeow("tctoken.go", "tcTokenNumBuckets"),
    ],
    checked: "2026-11",
    tests: [],
    enforced: false,
    witness: false,
  }),
  defineRule({
    name: "privacy_token_of_recipient",
    claim:
      "The privacy token of a message, a picture request or a presence subscription is one that its recipient issued to its sender.",
    sources: [
      baileys("Utils/tc-token-utils.js", "storeTcTokensFromIqResult"),
      whatsmeow("tctoken.go", "resolveTCTokenStorageLID"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/account/privacy-token.test.ts > the simulator records a token that the recipient did not issue",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "privacy_token_history",
    claim: "The history of a newly linked device contains the privacy tokens of its chats.",
    sources: [baileys("Utils/process-message.js", "tcTokenTimestamp"), whatsmeow("message.go", "GetTcToken")],
    checked: "2026-11",
    tests: [
      "tests/simulator/account/privacy-token.test.ts > a newly linked client gets the tokens of its chats with the history",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "privacy_token_not_for_peers",
    claim: "WhatsApp refuses a message between the devices of one account with 479 if it has a privacy token.",
    sources: [baileys("Socket/messages-send.js", "server rejects with 479")],
    checked: "2026-11",
    tests: [
      "tests/simulator/account/privacy-token.test.ts > the simulator rejects a peer message with a token with 479",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "privacy_token_own_picture",
    claim: "WhatsApp doesn't answer a request for the own picture that has a privacy token.",
    sources: [baileys("Socket/chats.js", "causes the server to never respond")],
    checked: "2026-11",
    tests: [
      "tests/simulator/account/privacy-token.test.ts > the simulator never answers a request for the own picture with a token",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "privacy_token_missing",
    claim:
      "WhatsApp refuses a message without a privacy token with 463 if the account is restricted. It accepts one from other accounts.",
    sources: [
      baileys("Utils/decode-wa-message.js", "1:1 message missing privacy token"),
      issue("WhiskeySockets/Baileys", 2683),
    ],
    checked: "2026-11",
    tests: [],
    enforced: false,
    witness: false,
  }),
];
