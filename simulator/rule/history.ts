import { baileys, defineRule, whatsmeow } from "./define.ts";

/** What a newly linked device gets. */
export const historyRules = [
  defineRule({
    name: "history_parts",
    claim:
      "The phone sends a newly linked device the newest messages of each chat (`INITIAL_BOOTSTRAP`), those of three months in parts (`RECENT`), older ones if the device asked for them (`FULL`), and push names (`PUSH_NAME`).",
    sources: [
      baileys("Socket/chats.js", "INITIAL_BOOTSTRAP"),
      whatsmeow("message.go", "handleHistorySyncNotification"),
      {
        name: "mautrix-whatsapp, example-config.yaml (`request_full_sync`)",
        url: "https://github.com/mautrix/whatsapp/blob/main/pkg/connector/example-config.yaml",
      },
    ],
    checked: "2026-11",
    tests: [
      "tests/slow/session/history-import.test.ts > imports what the setting asks for, without a webhook for each message",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "history_file",
    claim: "Each part of the history is an encrypted file on a media host, or part of the notification if it is small.",
    sources: [
      baileys("Utils/history.js", "initialHistBootstrapInlinePayload"),
      whatsmeow("message.go", "InitialHistBootstrapInlinePayload"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/link.test.ts > the simulator gives a newly linked client the phone's history once, as an encrypted blob on the media host",
    ],
    enforced: true,
    witness: "tests/peers/link.test.ts",
  }),
  defineRule({
    name: "app_state_key",
    claim: "The phone sends a newly linked device the key of the app state.",
    sources: [
      baileys("Utils/process-message.js", "APP_STATE_SYNC_KEY_SHARE"),
      whatsmeow("message.go", "handleAppStateSyncKeyShare"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/link.test.ts > the simulator gives a newly linked client the app-state key, its push name and its LID mappings",
    ],
    enforced: true,
    witness: "tests/peers/phone.test.ts",
  }),
  defineRule({
    name: "app_state_conflict",
    claim:
      "WhatsApp refuses a change of the app state that is based on an old version with 409. The client then applies the newer changes and repeats its own.",
    sources: [baileys("Socket/chats.js", "resyncAppState"), whatsmeow("appstate.go", "SendAppState")],
    checked: "2026-11",
    tests: [
      "tests/simulator/account/app-state.test.ts > the simulator applies the phone's change of the app state on its client, which then changes the same entry",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "business_labels",
    claim: "A business account has five labels from the start, and labels are entries of the app state.",
    sources: [baileys("Utils/chat-utils.js", "labelEditAction")],
    checked: "2026-11",
    tests: [
      "tests/simulator/account/label.test.ts > the simulator links a business account with WhatsApp's labels, which the owner and the client can change",
    ],
    enforced: true,
    witness: "tests/peers/phone.test.ts",
  }),
];
