import { defineCapability } from "./define.ts";

const linkTests = "tests/integration/session/link.test.ts";

export const linking = [
  defineCapability({
    name: "Link with a QR code",
    commands: [],
    gateway: ["POST /api/instance/create", "GET /api/instance/{instanceId}/qr"],
    multiInstance: ["POST /api/instances", "GET /api/instances/{instanceId}/qr"],
    simulator: "linking",
    tests: [
      `${linkTests} > a scanned QR code links the instance, and neither the code nor the restart after linking is visible`,
    ],
  }),
  defineCapability({
    name: "Link with a pairing code",
    commands: ["instance.requestPairingCode"],
    gateway: ["POST /api/instance/{instanceId}/pairing-code"],
    multiInstance: ["POST /api/instances/{instanceId}/pairing-code"],
    simulator: "linking",
    tests: [`${linkTests} > a pairing code that the owner enters on the phone links the instance`],
  }),
  defineCapability({
    name: "Import a session of another program",
    commands: [],
    gateway: ["POST /api/instance/import", "POST /api/instance/{instanceId}/import"],
    multiInstance: ["POST /api/instances/import", "POST /api/instances/{instanceId}/import"],
    simulator: "linking",
    tests: [
      "tests/slow/session/account-settings.test.ts > continues as an instance that waited for a scan, from a tar archive",
    ],
  }),
];
