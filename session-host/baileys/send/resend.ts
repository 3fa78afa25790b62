import {
  type BinaryNode,
  encodeSignedDeviceIdentity,
  encodeWAMessage,
  extractE2ESessionFromRetryReceipt,
  normalizeMessageContent,
  type proto,
  type WASocket,
} from "@whiskeysockets/baileys";
import { isGroupJid } from "../../../core/message/recipient.ts";

/** A request of one device for a message that it could not decrypt. */
export interface RetryRequest {
  waId: string;
  /** JID of the chat, as the device that asks names it. */
  chat: string;
  /** JID of the device that asks. */
  device: string;
  /** Whether the device belongs to this account. */
  isOwn: boolean;
  /** The number of the request, from 1. */
  count: number;
  /** The receipt. It may contain the keys for a new session. */
  receipt: BinaryNode;
}

/**
 * Sends a message again to one device. The stanza has the form of whatsmeow (`handleRetryReceipt` in retry.go).
 *
 * Baileys (7.0.0-rc14) sends the message to everybody in the chat if a phone asks, including people who joined the
 * group later. If another device asks, Baileys sends a stanza that WhatsApp rejects with 479
 * (https://github.com/WhiskeySockets/Baileys/issues/2781).
 */
export async function resend(
  sock: WASocket,
  request: RetryRequest,
  message: proto.IMessage,
  attributes: Record<string, string> = {},
): Promise<void> {
  const { waId: id, device, isOwn, count, receipt } = request;
  const { from = "", participant, recipient } = receipt.attrs;
  await renewSession(sock, request);
  const group = isGroupJid(from) || from.endsWith("@broadcast") ? from : undefined;
  const content = group ? await withSenderKey(sock, group, message) : message;
  if (isGroupJid(from)) await forgetSenderKey(sock, from, device);
  const data = encodeWAMessage(
    isOwn ? { deviceSentMessage: { destinationJid: request.chat, message: content } } : content,
  );
  const { type, ciphertext } = await sock.signalRepository.encryptMessage({ jid: device, data });
  const { account } = sock.authState.creds;
  const identity =
    type === "pkmsg" && account
      ? [{ tag: "device-identity", attrs: {}, content: encodeSignedDeviceIdentity(account, true) }]
      : [];
  await sock.sendNode({
    tag: "message",
    attrs: {
      id,
      to: from,
      type: stanzaType(message),
      ...(participant ? { participant } : { device_fanout: "false" }),
      ...(recipient ? { recipient } : {}),
      ...attributes,
    },
    content: [
      { tag: "enc", attrs: { v: "2", type, count: String(count), ...encAttributes(message) }, content: ciphertext },
      ...identity,
    ],
  });
}

/** Makes a new session with the device, from the keys in the receipt or from WhatsApp's. */
async function renewSession(sock: WASocket, { device, receipt }: RetryRequest): Promise<void> {
  const { preKey, ...session } = extractE2ESessionFromRetryReceipt(receipt) ?? {};
  if (preKey && "identityKey" in session)
    await sock.signalRepository.injectE2ESession({ jid: device, session: { ...session, preKey } });
  else await sock.assertSessions([device], true);
}

/** Adds the account's sender key to a message to a group or to a status post, because the device may lack the key. */
async function withSenderKey(sock: WASocket, group: string, message: proto.IMessage): Promise<proto.IMessage> {
  const { signalRepository, user } = sock;
  for (const meId of [user?.lid, user?.id]) {
    if (!meId || !(await signalRepository.hasSenderKey({ group, meId }))) continue;
    const key = await signalRepository.getSenderKeyDistributionMessage({ group, meId });
    return { ...message, senderKeyDistributionMessage: { groupId: group, axolotlSenderKeyDistributionMessage: key } };
  }
  return message;
}

/**
 * Notes that a device lacks the account's sender key for a group, so that the next message contains the key for this
 * device. Source: `markForgetSenderKey` of WhatsApp Web (https://github.com/oxidezap/whatsapp-rust/pull/1300). Baileys
 * forgets the whole group, so that one device could make each message contain the key for every device.
 */
async function forgetSenderKey({ authState }: WASocket, group: string, device: string): Promise<void> {
  const { keys, creds } = authState;
  const forget = async () => {
    const { [group]: holders } = await keys.get("sender-key-memory", [group]);
    if (holders?.[device]) await keys.set({ "sender-key-memory": { [group]: { ...holders, [device]: false } } });
  };
  await keys.transaction(forget, creds.me?.id ?? group);
}

/** Returns the type of a `message` stanza and the attributes of its `enc` nodes. */
export const stanzaAttributes = (message: proto.IMessage) => ({
  type: stanzaType(message),
  enc: encAttributes(message),
});

/** Returns the type of a `message` stanza. Source: `getMessageType` in Baileys' Socket/messages-send.ts. */
function stanzaType(message: proto.IMessage): string {
  const content = normalizeMessageContent(message) ?? {};
  if (content.reactionMessage || content.encReactionMessage) return "reaction";
  const { pollCreationMessage, pollCreationMessageV2, pollCreationMessageV3, pollUpdateMessage } = content;
  if (pollCreationMessage || pollCreationMessageV2 || pollCreationMessageV3 || pollUpdateMessage) return "poll";
  if (content.eventMessage || content.encEventResponseMessage) return "event";
  return mediaType(content) ? "media" : "text";
}

/** Returns the attributes of an `enc` node. Source: `relayMessage` in Baileys' Socket/messages-send.ts. */
function encAttributes(message: proto.IMessage): Record<string, string> {
  const content = normalizeMessageContent(message) ?? {};
  const media = mediaType(content);
  return {
    ...(media ? { mediatype: media } : {}),
    ...(content.pinInChatMessage || content.reactionMessage ? { "decrypt-fail": "hide" } : {}),
  };
}

/** Source: `getMediaType` in Baileys' Socket/messages-send.ts, for the messages that the gateway sends. */
function mediaType(content: proto.IMessage): string | undefined {
  const { videoMessage, audioMessage } = content;
  if (content.imageMessage) return "image";
  if (videoMessage) return videoMessage.gifPlayback ? "gif" : "video";
  if (audioMessage) return audioMessage.ptt ? "ptt" : "audio";
  if (content.contactMessage) return "vcard";
  if (content.documentMessage) return "document";
  if (content.contactsArrayMessage) return "contact_array";
  if (content.liveLocationMessage) return "livelocation";
  if (content.stickerMessage) return "sticker";
  return content.groupInviteMessage ? "url" : undefined;
}
