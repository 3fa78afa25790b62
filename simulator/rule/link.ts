import { baileys, defineRule, issue, whatsmeow } from "./define.ts";

/** Linking a device, and logging in. */
export const linkRules = [
  defineRule({
    name: "login_version",
    claim: "WhatsApp refuses the login of a client whose version is too old with 405. The device stays linked.",
    sources: [
      whatsmeow("types/events/events.go", "ConnectFailureClientOutdated"),
      issue("WhiskeySockets/Baileys", 2370),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/client-version.test.ts > the simulator refuses the login of a client below the minimum for logins, and keeps its link",
    ],
    enforced: true,
    relaxable: true,
    witness: "tests/peers/link.test.ts",
  }),
  defineRule({
    name: "link_version",
    claim: "WhatsApp refuses to link a client whose version is still new enough for logins.",
    sources: [issue("WhiskeySockets/Baileys", 2370), issue("WhiskeySockets/Baileys", 2679)],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/client-version.test.ts > the simulator refuses to link a client below the minimum for linking, but lets linked clients log in",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "current_version_page",
    claim: "`https://web.whatsapp.com/sw.js` contains the current version of WhatsApp Web.",
    sources: [baileys("Utils/generics.js", "fetchLatestWaWebVersion")],
    checked: "2026-11",
    tests: ["tests/simulator/session/client-version.test.ts > the control API changes and shows the client versions"],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "temporary_ban",
    claim:
      "WhatsApp ends the connection of a banned account with 402, and refuses its logins until the ban ends. `expire` is the rest of the ban in seconds, and `code` its cause.",
    sources: [
      whatsmeow("connectionevents.go", "ConnectFailureTempBanned"),
      whatsmeow("types/events/events.go", "TempBanReason"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/fault.test.ts > the simulator ends the connections of a banned account with 402, and refuses its logins until the ban ends",
      "tests/fault/session/connection.test.ts > an instance whose account is banned for some time reconnects by itself after the end and never before",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "login_failures",
    claim:
      "A login that fails with 401, 403 or 406 ends the link. After 409, a repeat does not help. Only after 500 and 503 does WhatsApp expect the client to try again.",
    sources: [
      whatsmeow("types/events/events.go", "IsLoggedOut"),
      whatsmeow("connectionevents.go", "handleConnectFailure"),
    ],
    checked: "2026-11",
    tests: [
      "tests/unit/session-host/disconnect.test.ts > with the code %i has the reason %s, reconnects %s, and drops the credentials: %s",
    ],
    enforced: false,
    witness: false,
  }),
  defineRule({
    name: "device_removed",
    claim: "A stream error means that the device was unlinked only if it has the conflict `device_removed`.",
    sources: [whatsmeow("connectionevents.go", "device_removed"), issue("devlikeapro/waha", 2136)],
    checked: "2026-11",
    tests: [
      "tests/unit/session-host/disconnect.test.ts > with %s",
      "tests/integration/session/link.test.ts > an instance that the owner unlinks reports the logout, deletes its credentials, and can be linked again",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "pairing_display_name",
    claim:
      "WhatsApp refuses the request for a linking code with 400 if the display name isn't a common browser and system, as in `Chrome (Windows)`.",
    sources: [
      whatsmeow("pair-code.go", "the server will validate it and return 400 if it's wrong"),
      issue("WhiskeySockets/Baileys", 2560),
      issue("WhiskeySockets/Baileys", 2769),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/link.test.ts > the simulator refuses a linking code for a client with an odd name, unless the rule is relaxed",
      "tests/integration/session/link.test.ts > an instance with a device name can be linked with a pairing code",
    ],
    enforced: true,
    relaxable: true,
    witness: false,
  }),
  defineRule({
    name: "passkey_demand",
    claim:
      "Some accounts link a device only with a passkey: WhatsApp sends the WebAuthn options after the QR code or linking code, checks the assertion for `whatsapp.com`, and lets the phone link the client that knows the secret of the QR code.",
    sources: [
      whatsmeow("pair-passkey.go", "shortcake-passkey-handoff-v1"),
      issue("tulir/whatsmeow", 1186),
      issue("WhiskeySockets/Baileys", 2672),
      issue("WhiskeySockets/Baileys", 2689),
      issue("evolution-foundation/evolution-api", 2628),
    ],
    checked: "2026-11",
    tests: [
      "tests/integration/session/link.test.ts > an account that demands a passkey is linked with the answer of the passkey, after a QR code or a pairing code",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "pairing_code_limit",
    claim:
      "WhatsApp refuses too many requests for a linking code with 429. The limit isn't known, so the simulator refuses only when a test asks for it.",
    sources: [whatsmeow("errors.go", "ErrIQRateOverLimit")],
    checked: "2026-11",
    tests: [
      "tests/integration/session/link.test.ts > after WhatsApp refuses a pairing code with 429, further requests are refused at once, with the time to wait",
    ],
    enforced: false,
    witness: false,
  }),
];
