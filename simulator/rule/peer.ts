import { baileys, defineRule, whatsmeow } from "./define.ts";

const LINK = "tests/peers/link.test.ts";
const PHONE = "tests/peers/phone.test.ts";

/** What the client on whatsmeow showed about the simulated WhatsApp: docs/reference/peers.md. */
export const peerRules = [
  defineRule({
    name: "open_after_error",
    claim:
      "After `stream:error` or `failure`, the server leaves the socket open for a moment, in which the client reads the reason.",
    sources: [whatsmeow("client.go", "handlerQueueLoop"), whatsmeow("connectionevents.go", "handleStreamError")],
    checked: "2026-11",
    tests: [`${LINK} > whatsmeow links by pairing code to a business account`],
    enforced: true,
    witness: LINK,
  }),
  defineRule({
    name: "history_file_deletion",
    claim: "A client deletes a history file from the media host after reading it.",
    sources: [whatsmeow("upload.go", "DeleteMedia")],
    checked: "2026-11",
    tests: [
      `${LINK} > whatsmeow downloads the history and the push names that the phone offers, and deletes the files`,
    ],
    enforced: true,
    witness: LINK,
  }),
  defineRule({
    name: "device_list_hash",
    claim:
      "The hash of a device list covers the sorted JIDs with agent and device, and has six bytes in base64. One notification has the hashes of both lists, by number and by LID.",
    sources: [whatsmeow("send.go", "participantListHashV2"), whatsmeow("notification.go", "handleDeviceNotification")],
    checked: "2026-11",
    tests: [`${LINK} > whatsmeow logs out, and the phone no longer shows the device`],
    enforced: true,
    witness: LINK,
  }),
  defineRule({
    name: "contact_query_by_lid",
    claim:
      "A look-up of a number with `addressing_mode=lid` is answered with the LID, the number as `pn_jid`, and the query itself.",
    sources: [whatsmeow("user.go", "IsOnWhatsApp")],
    checked: "2026-11",
    tests: [`${PHONE} > finds out who is on WhatsApp, and which devices they have`],
    enforced: true,
    witness: PHONE,
  }),
  defineRule({
    name: "upload_hash_padding",
    claim: "The path of an upload contains the hash of the file in base64, with or without padding.",
    sources: [
      whatsmeow("upload.go", "rawUpload"),
      baileys("Utils/messages-media.js", "encodeBase64EncodedStringForUpload"),
    ],
    checked: "2026-11",
    tests: [`${PHONE} > exchange a file of kind %s, with all hashes checked`],
    enforced: true,
    witness: PHONE,
  }),
  defineRule({
    name: "media_hashes",
    claim:
      "A message with a file has the hashes of the file and of its ciphertext, and the ciphertext ends with a MAC.",
    sources: [whatsmeow("download.go", "validateMedia"), baileys("Utils/messages-media.js", "fileEncSha256")],
    checked: "2026-11",
    tests: [`${PHONE} > exchange a file of kind %s, with all hashes checked`],
    enforced: true,
    witness: PHONE,
  }),
  defineRule({
    name: "app_state_macs",
    claim:
      "Each change of the app state has MACs over its index and value, and each patch has MACs over the whole collection and over itself.",
    sources: [whatsmeow("appstate/hash.go", "generatePatchMAC"), baileys("Utils/chat-utils.js", "generatePatchMac")],
    checked: "2026-11",
    tests: [`${PHONE} > archives, pins and mutes a chat, and the phone accepts all MACs`],
    enforced: true,
    witness: PHONE,
  }),
];
