import {
  type BinaryNode,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  isJidBot,
  isJidMetaAI,
} from "@whiskeysockets/baileys";
import { errorText } from "../../../core/error-text.ts";
import { isChannelJid } from "../../../core/message/recipient.ts";
import type { UnreadableReason } from "../../../core/message/unreadable.sql.ts";

/** The types of encryption that Baileys decrypts (7.0.0-rc14, `Utils/decode-wa-message.js`, `decryptMessageNode`). */
const knownTypes: readonly (string | undefined)[] = ["skmsg", "pkmsg", "msg"];

const types: Partial<Record<string, UnreadableReason>> = {
  view_once: "view_once",
  view_once_unavailable_fanout: "view_once",
  bot_unavailable_fanout: "bot",
  hosted_unavailable_fanout: "hosted",
};

/**
 * The reasons for which WhatsApp Web doesn't ask the phone either. Source: the list of excluded types in Baileys
 * (7.0.0-rc14, `Socket/messages-recv.js`, `handleMessage`).
 */
export const phoneOnly: readonly UnreadableReason[] = ["view_once", "bot", "hosted"];

/** Whether the stanza is a message of a person. Channel posts aren't encrypted, and peer messages aren't shown. */
export const isPersonal = ({ tag, attrs }: BinaryNode): boolean =>
  tag === "message" && Boolean(attrs.id) && attrs.category !== "peer" && !isChannelJid(attrs.from ?? "");

/**
 * Returns why a part of a stanza can't be decrypted, or undefined if all parts may be decryptable.
 *
 * WhatsApp names the reason in the element `unavailable`, by the attribute `type` or `hosted` (Baileys, as above;
 * `UnavailableType` in whatsmeow's types/events/events.go). It has no type in the messages that Baileys calls "Message
 * absent from node", such as those after a click on an ad (https://github.com/WhiskeySockets/Baileys/issues/1034).
 */
export function unavailableReason(stanza: BinaryNode): UnreadableReason | undefined {
  if (getBinaryNodeChild(stanza, "plaintext")) return undefined;
  const ciphertexts = getBinaryNodeChildren(stanza, "enc");
  if (ciphertexts.some(({ attrs, content }) => !knownTypes.includes(attrs.type) || !(content instanceof Uint8Array)))
    return "unsupported_encryption";
  if (ciphertexts.length > 0) return undefined;
  const { type = "", hosted } = getBinaryNodeChild(stanza, "unavailable")?.attrs ?? {};
  const named = Object.hasOwn(types, type) ? types[type] : undefined;
  if (named) return named;
  if (hosted === "true") return "hosted";
  return isFromBot(stanza) ? "bot" : "no_content";
}

/**
 * Whether Baileys asks the sender to send a message again of which a part can't be decrypted. It does not if there is no
 * ciphertext, or for `msmsg`, the encryption of messages from bots (7.0.0-rc14, `Socket/messages-recv.js`,
 * `handleMessage`).
 */
export function isRepeatable(stanza: BinaryNode): boolean {
  const [first] = getBinaryNodeChildren(stanza, "enc");
  return first !== undefined && first.attrs.type !== "msmsg";
}

function isFromBot(stanza: BinaryNode): boolean {
  const { from, participant, recipient } = stanza.attrs;
  const jids = [from, participant, recipient].filter((jid) => jid !== undefined);
  return getBinaryNodeChild(stanza, "bot") !== undefined || jids.some((jid) => isJidBot(jid) || isJidMetaAI(jid));
}

/**
 * Returns the reason for an error of the decryption. The texts are those of libsignal (6.0.0, `session_cipher.js`,
 * `session_builder.js`) and of Baileys (7.0.0-rc14, `Signal/Group/group_cipher.js`).
 */
export function failureReason(error: unknown): UnreadableReason {
  const text = errorText(error);
  if (/Incompatible version number/.test(text)) return "unsupported_encryption";
  return /No sessions?\b|No SenderKey|PreKey/.test(text) ? "no_session" : "decryption_failed";
}

/**
 * Whether WhatsApp's apps show nothing for a message that can't be decrypted, such as a reaction or a vote
 * (`DecryptFailHide` in whatsmeow's types/events/events.go).
 */
export const isHidden = (stanza: BinaryNode): boolean =>
  getBinaryNodeChildren(stanza, "enc").some(({ attrs }) => attrs["decrypt-fail"] === "hide");

/** Returns how often the sender has sent the message again. */
export const copiesOf = (stanza: BinaryNode): number =>
  Math.max(0, ...getBinaryNodeChildren(stanza, "enc").map(({ attrs }) => Number(attrs.count) || 0));
