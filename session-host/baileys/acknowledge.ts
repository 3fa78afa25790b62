import { NACK_REASONS } from "@whiskeysockets/baileys";

/**
 * Makes Baileys acknowledge a message that it can't read without an error code. Patches Baileys for the whole process.
 *
 * Baileys acknowledges such a message with `UnhandledError` (500), after it has asked the sender for another copy, and a
 * message whose key is used up with `ParsingError` (487) (7.0.0-rc14, `handleMessage` in `Socket/messages-recv.js`). WhatsApp
 * keeps a status that is acknowledged in this way, delivers it again at each login, and withholds all that comes after it
 * (https://github.com/WhiskeySockets/Baileys/pull/2779). Whatsmeow acknowledges both without a code (`decryptMessages` in
 * message.go). The host has recorded the message as unreadable before, so nothing is lost by that.
 *
 * `MissingMessageSecret` (495) stays: whatsmeow uses it too. Baileys omits the attribute `error` for the code 0
 * (`Utils/stanza-ack.js`).
 */
export function acknowledgePlainly(): void {
  Object.assign(NACK_REASONS, { UnhandledError: 0, ParsingError: 0 });
}
