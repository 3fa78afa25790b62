import { baileys, defineRule, whatsmeow } from "./define.ts";

/** Handshake, link and the end of a session. */
export const sessionRules = [
  defineRule({
    name: "certificate_chain",
    claim: "The server proves its identity with a certificate chain whose root key clients know.",
    sources: [baileys("Utils/noise-handler.js", "WA_CERT_DETAILS"), whatsmeow("handshake.go", "verifyServerCert")],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/certificate.test.ts > the simulator sends a certificate chain that the root signed, that is valid now, and whose leaf has the handshake's static key",
    ],
    enforced: true,
    witness: "tests/peers/link.test.ts",
  }),
  defineRule({
    name: "restart_after_link",
    claim:
      "After a device is linked, WhatsApp ends the stream with 515, and the device logs in with its new credentials.",
    sources: [baileys("Socket/socket.js", "pair-success"), whatsmeow("connectionevents.go", "515")],
    checked: "2026-11",
    tests: [
      "tests/simulator/message/text.test.ts > the simulator links a client by QR code, restarts it with 515 and accepts its new credentials",
    ],
    enforced: true,
    witness: "tests/peers/link.test.ts",
  }),
  defineRule({
    name: "link_code",
    claim: "A device can be linked with a code of eight characters that its user enters on the phone.",
    sources: [baileys("Socket/socket.js", "requestPairingCode"), whatsmeow("pair-code.go", "PairPhone")],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/link.test.ts > the simulator links a client when its linking code is entered on the phone",
      "tests/simulator/session/link.test.ts > the simulator rejects a wrong linking code, and links no device",
    ],
    enforced: true,
    witness: "tests/peers/link.test.ts",
  }),
  defineRule({
    name: "device_signature",
    claim:
      "The phone signs the identity of a linked device, and the device signs it too. WhatsApp links no device without these signatures.",
    sources: [
      baileys("Utils/validate-connection.js", "configureSuccessfulPairing"),
      whatsmeow("pair.go", "handlePairSuccess"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/protocol.test.ts > the simulator offers no QR code to a client whose identity key did not sign its prekey",
    ],
    enforced: true,
    witness: "tests/peers/link.test.ts",
  }),
  defineRule({
    name: "replaced_session",
    claim: "If a second socket logs in with the same credentials, WhatsApp ends the first with a conflict (440).",
    sources: [baileys("Types/index.js", "connectionReplaced"), whatsmeow("connectionevents.go", "replaced")],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/device.test.ts > the simulator closes the older of two sockets with the same credentials with 440",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "unlinked_device",
    claim: "WhatsApp ends the session of an unlinked device with 401, and refuses its later logins with 401.",
    sources: [baileys("Types/index.js", "loggedOut"), whatsmeow("connectionevents.go", "device_removed")],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/device.test.ts > the simulator closes the socket of an unlinked device with 401, and rejects its later logins",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "business_platform",
    claim: "When a device of a business account is linked, WhatsApp names the platform and the name of the business.",
    sources: [baileys("Utils/validate-connection.js", "businessNode")],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/link.test.ts > the simulator links a business account with the platform of WhatsApp Business",
    ],
    enforced: true,
    witness: "tests/peers/link.test.ts",
  }),
  defineRule({
    name: "few_prekeys",
    claim:
      "WhatsApp asks a device that has few one-time prekeys left to upload more. The limit of its server is not known.",
    sources: [
      baileys("Socket/messages-recv.js", "handleEncryptNotification"),
      whatsmeow("notification.go", "handleEncryptNotification"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/link.test.ts > the simulator asks a client that has few prekeys left to upload more prekeys",
    ],
    enforced: true,
    witness: false,
  }),
  defineRule({
    name: "device_list_changes",
    claim:
      "WhatsApp tells the devices that have looked up an account when a device of that account is linked or unlinked.",
    sources: [
      baileys("Socket/messages-recv.js", "handleDevicesNotification"),
      whatsmeow("notification.go", "handleDeviceNotification"),
    ],
    checked: "2026-11",
    tests: [
      "tests/simulator/session/device.test.ts > the simulator announces a newly linked device to the devices that cache the account's device list",
    ],
    enforced: true,
    witness: "tests/peers/link.test.ts",
  }),
];
