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
    witness: false,
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
];
