import { type BinaryNode, node } from "../../wire/node.ts";

/**
 * What linked devices get instead of the ciphertext of a message. The phone gets the message itself. Sources:
 * `handleMessage` in Baileys' Socket/messages-recv.ts for the types of `unavailable`, `UnavailableType` in whatsmeow's
 * types/events/events.go for `view_once`, and WhatsApp Web's parser of messages (WAWebHandleMsgParser) for `hosted`.
 * `msmsg` is the encryption of messages from bots, and `frskmsg` stands for a type that a client doesn't know.
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
    default:
      return [...rest, node("unavailable", { type: form })];
  }
}
