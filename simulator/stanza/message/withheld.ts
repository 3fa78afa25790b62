import { type BinaryNode, node } from "../../wire/node.ts";

/**
 * What linked devices get instead of the ciphertext of a message. The phone gets the message itself. Sources:
 * `handleMessage` in Baileys' Socket/messages-recv.ts for the types of `unavailable`, `UnavailableType` in whatsmeow's
 * types/events/events.go for `view_once`, and WhatsApp Web's parser of messages (WAWebHandleMsgParser) for `hosted`.
 * `msmsg` is the encryption of messages from bots, and `frskmsg` stands for a type that a client doesn't know. `hidden` is a
 * ciphertext that can't be decrypted and that apps don't show then (`DecryptFailHide` in the same file of whatsmeow).
 */
export const withheldForms = [
  "no_content",
  "view_once",
  "view_once_unavailable_fanout",
  "bot_unavailable_fanout",
  "hosted_unavailable_fanout",
  "hosted",
  "msmsg",
  "frskmsg",
  "hidden",
] as const;
export type Withheld = (typeof withheldForms)[number];

/** Returns the elements that replace the ciphertexts. */
export function withheldContent(form: Withheld, content: readonly BinaryNode[]): BinaryNode[] {
  const rest = content.filter(({ tag }) => tag !== "enc" && tag !== "device-identity");
  switch (form) {
    case "no_content":
      return [...rest, node("unavailable")];
    case "hosted":
      return [...rest, node("unavailable", { hosted: "true" })];
    case "msmsg":
    case "frskmsg":
      return [...rest, node("enc", { v: "2", type: form }, Buffer.from(form))];
    case "hidden":
      return [...rest, node("enc", { v: "2", type: "msg", "decrypt-fail": "hide" }, Buffer.from([0x33, 0, 0]))];
    default:
      return [...rest, node("unavailable", { type: form })];
  }
}
