import { proto } from "@whiskeysockets/baileys";
import { wireFields } from "./wire.ts";

export type Field = keyof proto.IMessage;
export const messageFields = Object.keys(proto.Message.prototype).filter((name) => name !== "toJSON") as Field[];

/**
 * What a wrapper says about the message in it. A wrapper without an entry is opened too. Sources: `normalizeMessageContent`
 * in Baileys' `lib/Utils/messages.js`, `UnwrapRaw` in whatsmeow's `types/events/events.go`.
 */
const flagOf = {
  deviceSentMessage: "deviceSent",
  ephemeralMessage: "ephemeral",
  viewOnceMessage: "viewOnce",
  viewOnceMessageV2: "viewOnce",
  viewOnceMessageV2Extension: "viewOnce",
  documentWithCaptionMessage: "documentWithCaption",
  editedMessage: "edited",
  groupMentionedMessage: "groupMentioned",
  botInvokeMessage: "botInvoke",
  botForwardedMessage: "botForwarded",
  botTaskMessage: "botTask",
  lottieStickerMessage: "lottie",
  eventCoverImage: "eventCover",
  statusMentionMessage: "statusMention",
  statusAddYours: "statusAddYours",
  groupStatusMentionMessage: "groupStatusMention",
  groupStatusMessage: "groupStatus",
  groupStatusMessageV2: "groupStatus",
  pollCreationMessageV4: "pollCreation",
  pollCreationOptionImageMessage: "pollOptionImage",
  associatedChildMessage: "associatedChild",
  limitSharingMessage: "limitSharing",
  questionMessage: "question",
  questionReplyMessage: "questionReply",
} as const satisfies Partial<Record<Field, string>>;
export type WrapperFlag = (typeof flagOf)[keyof typeof flagOf];

const { DeviceSentMessage, FutureProofMessage } = proto.Message;
type Wrapped = { message?: proto.IMessage | null };

/** The fields of `proto.Message` that contain another message. */
export const wrapperFields: readonly Field[] = (() => {
  const empty = proto.Message.fromObject(Object.fromEntries(messageFields.map((field) => [field, {}])));
  const isWrapper = (part: unknown) => part instanceof FutureProofMessage || part instanceof DeviceSentMessage;
  return messageFields.filter((field) => isWrapper(empty[field]));
})();

/** The wrappers that have no flag, for the test that lists every field. */
export const unnamedWrappers = wrapperFields.filter((field) => !(field in flagOf));

const numberOf = (field: Field) =>
  wireFields(proto.Message.encode(proto.Message.fromObject({ [field]: {} })).finish())[0]?.number;
const numbers = new Map(messageFields.map((field) => [field, numberOf(field)]));
const knownNumbers = new Set(numbers.values());

/** A message after all its wrappers are opened. */
export interface Opened {
  /** The innermost message. */
  content: proto.IMessage;
  flags: ReadonlySet<WrapperFlag>;
  /** The `messageContextInfo` of all levels. The innermost level takes precedence. */
  info: proto.IMessageContextInfo;
  /** The encoded innermost message, if the encoded message is known. */
  encoded: Uint8Array | undefined;
  /**
   * Numbers of the fields of the innermost message that this version cannot read: fields that the protobuf definition
   * does not have, a protocol message of a type that it does not have, or a wrapper that is nested too deep.
   */
  unknownFields: number[];
}

/** WhatsApp's apps nest three wrappers. A message may have each wrapper of the protobuf definition, and more. */
export const maxWrappers = 64;

/** Opens all wrappers of a message. `encoded` is the encoded message, which shows fields that are not known. */
export function unwrap(message: proto.IMessage, encoded?: Uint8Array): Opened {
  const flags = new Set<WrapperFlag>();
  let content = message;
  let bytes = encoded;
  let info: proto.IMessageContextInfo = { ...message.messageContextInfo };
  let field = wrapperIn(content);
  for (let depth = 0; field && depth < maxWrappers; depth++) {
    if (field in flagOf) flags.add(flagOf[field as keyof typeof flagOf]);
    content = (content[field] as Wrapped).message ?? {};
    info = { ...info, ...content.messageContextInfo };
    bytes = bytes && innerBytes(bytes, field);
    field = wrapperIn(content);
  }
  const unread = [field, hasNewerType(content) ? ("protocolMessage" as const) : undefined];
  const unreadNumbers = unread.flatMap((name) => (name && numbers.get(name)) ?? []);
  return {
    content,
    flags,
    info,
    encoded: bytes,
    unknownFields: [...unreadNumbers, ...(bytes ? unknownIn(bytes) : [])],
  };
}

const wrapperIn = (message: proto.IMessage): Field | undefined =>
  wrapperFields.find((name) => (message[name] as Wrapped | null | undefined)?.message);

/** Whether the message is a protocol message of a type that the protobuf definition does not have. */
const hasNewerType = ({ protocolMessage }: proto.IMessage): boolean =>
  proto.Message.ProtocolMessage.Type[protocolMessage?.type ?? 0] === undefined;

/** Field number of the message in a wrapper: 1 in `FutureProofMessage`, 2 in `DeviceSentMessage`. */
const innerNumber = (field: Field) => (field === "deviceSentMessage" ? 2 : 1);

/** Returns the encoded message in a wrapper. Protobuf merges repeated fields, so their bytes are joined. */
function innerBytes(encoded: Uint8Array, field: Field): Uint8Array {
  const parts = partsOf(encoded, numbers.get(field)).flatMap((part) => partsOf(part, innerNumber(field)));
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
}

const partsOf = (encoded: Uint8Array, number: number | undefined) =>
  wireFields(encoded).flatMap((field) => (field.number === number && field.bytes ? [field.bytes] : []));

const unknownIn = (encoded: Uint8Array) => [
  ...new Set(wireFields(encoded).flatMap(({ number }) => (knownNumbers.has(number) ? [] : [number]))),
];
