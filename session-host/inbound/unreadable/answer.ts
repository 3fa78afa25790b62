import { type BinaryNode, jidDecode, proto } from "@whiskeysockets/baileys";
import { boundId } from "../../../core/bound.ts";
import type { UnreadableReason } from "../../../core/message/unreadable.sql.ts";
import { plainJid } from "../../baileys/address/jids.ts";
import type { Change } from "../../ledger/change.ts";
import { wireFields } from "../content/wire.ts";

/** An unreadable message as it is stored. */
export interface StoredUnreadable {
  waId: string;
  sender: string;
  senderAlt: string | null;
  attrs: Record<string, string>;
  reason: UnreadableReason;
  hidden: boolean;
  messageId: string | null;
  requests: number;
}

/** A message that the owner's phone supplies, with the stanza in which it came without its content. */
export interface SuppliedMessage {
  stanza: BinaryNode;
  message: proto.IMessage;
  /** The message as the phone encoded it. */
  encoded: Uint8Array;
}

const { Type } = proto.Message.ProtocolMessage;
const { PLACEHOLDER_MESSAGE_RESEND } = proto.Message.PeerDataOperationRequestType;
/** The most messages that are read from one answer. The host asks for one message at a time. */
const maxResults = 64;

/**
 * Returns the answer of the owner's phone to a request for messages, or undefined if the message is something else or
 * does not come from the phone itself. Only WhatsApp's server and the phone can send a stanza from the account's own
 * first device, and the decryption has proved the device's identity.
 */
export function answerIn(
  message: proto.IMessage,
  { attrs }: BinaryNode,
  isMe: (jid: string) => boolean,
): proto.Message.IPeerDataOperationRequestResponseMessage | undefined {
  const { type, peerDataOperationRequestResponseMessage: answer } = message.protocolMessage ?? {};
  if (type !== Type.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE || !answer) return undefined;
  if (answer.peerDataOperationRequestType !== PLACEHOLDER_MESSAGE_RESEND) return undefined;
  const { from = "", participant } = attrs;
  return !participant && isMe(from) && !jidDecode(from)?.device ? answer : undefined;
}

/**
 * Returns what an answer contains. `find` returns the unreadable messages with an id. Anything else in the answer is
 * ignored. A message without content is one that the phone does not have: it is not requested again.
 */
export async function readAnswer(
  answer: proto.Message.IPeerDataOperationRequestResponseMessage,
  find: (waId: string) => Promise<readonly StoredUnreadable[]>,
): Promise<{ supplied: SuppliedMessage[]; refused: NonNullable<Change["phoneRequests"]> }> {
  const supplied: SuppliedMessage[] = [];
  const refused: NonNullable<Change["phoneRequests"]> = [];
  for (const result of (answer.peerDataOperationResult ?? []).slice(0, maxResults)) {
    const info = decodeInfo(result.placeholderMessageResendResponse?.webMessageInfoBytes);
    const stored = info && matchOf(info.key, await find(boundId(info.key.id ?? "")));
    if (!stored) continue;
    if (info.content) supplied.push({ stanza: { tag: "message", attrs: stored.attrs }, ...info.content });
    else refused.push({ waId: stored.waId, sender: stored.sender, dueAt: null });
  }
  return { supplied, refused };
}

interface Info {
  key: proto.IMessageKey;
  content: Pick<SuppliedMessage, "message" | "encoded"> | undefined;
}

/** The number of the field `message` in `WebMessageInfo`. */
const messageNumber = 2;

/** Returns undefined if the bytes are not a message with a key. */
function decodeInfo(bytes: Uint8Array | null | undefined): Info | undefined {
  if (!bytes?.length) return undefined;
  try {
    const { key, messageSecret } = proto.WebMessageInfo.decode(bytes);
    if (!key) return undefined;
    const parts = wireFields(bytes).flatMap((field) =>
      field.number === messageNumber && field.bytes ? field.bytes : [],
    );
    if (parts.every((part) => part.length === 0)) return { key, content: undefined };
    // The phone may keep the secret of a poll outside of the message. Protobuf merges fields that are encoded twice.
    const secret = proto.Message.encode(
      messageSecret?.length ? { messageContextInfo: { messageSecret } } : {},
    ).finish();
    const encoded = Buffer.concat([secret, ...parts]);
    return { key, content: { message: proto.Message.decode(encoded), encoded } };
  } catch {
    return undefined;
  }
}

/** Returns the unreadable message with this key. Two senders may use the same id. */
function matchOf(key: proto.IMessageKey, found: readonly StoredUnreadable[]): StoredUnreadable | undefined {
  if (found.length < 2) return found[0];
  const jids = [key.participant, key.remoteJid].map(plainJid);
  return found.find(({ sender, senderAlt }) => jids.includes(sender) || (senderAlt && jids.includes(senderAlt)));
}
