import { randomBytes } from "node:crypto";
import type { proto } from "./baileys.ts";
import type { MediaKind, MediaReference } from "./media.ts";

/** The content of a media message of any kind. */
export type MediaInfo = MediaReference & {
  kind: MediaKind;
  mimetype: string;
  caption: string | undefined;
  fileName: string | undefined;
  directPath: string;
  /** Whether the audio is a voice note. */
  ptt: boolean;
  /** Duration of the audio or video according to the message, in seconds. */
  seconds: number | undefined;
  /** Only for a voice note: 64 values from 0 to 100. */
  waveform: Uint8Array | undefined;
  /** In pixels, like `height`. */
  width: number | undefined;
  height: number | undefined;
  /** A JPEG image. */
  thumbnail: Uint8Array | undefined;
  /** Pages of the document according to the message. */
  pages?: number;
  /** Whether the sticker moves. Absent in old state files. */
  animated?: boolean;
};

/** The parts of a message that a phone shows. */
export type Content = {
  /** `text`, `image`, `reaction`, `revoke`, `edit` …, or the name of the protobuf field without `Message`. */
  kind: string;
  text: string | undefined;
  media: MediaInfo | undefined;
  /** Id of the message that this one quotes, answers, reacts to, edits or deletes. */
  refersTo: string | undefined;
  /** The quoted message. */
  quotes: { id: string; from: string | undefined; text: string | undefined } | undefined;
  /** Whether the message can be opened only once. Absent in old state files. */
  viewOnce?: boolean;
  /** JIDs of the mentioned accounts. */
  mentions: string[];
  /** Seconds after which the message disappears; 0 means never. Absent in old state files. */
  expiration?: number;
  poll: PollInfo | undefined;
  event: EventInfo | undefined;
};

/** A poll. `selectable` is how many options a person may choose; 0 means any number. */
export type PollInfo = { question: string; options: string[]; selectable: number };

/** A calendar event. Times are in seconds since the epoch. */
export type EventInfo = {
  name: string;
  description: string | undefined;
  location: { name: string | undefined; address: string | undefined; latitude: number; longitude: number } | undefined;
  startTime: number;
  endTime: number | undefined;
  canceled: boolean;
  extraGuestsAllowed: boolean;
};

const MEDIA: [keyof proto.IMessage, MediaKind][] = [
  ["imageMessage", "image"],
  ["videoMessage", "video"],
  ["ptvMessage", "ptv"],
  ["audioMessage", "audio"],
  ["documentMessage", "document"],
  ["stickerMessage", "sticker"],
];

const WRAPPERS = [
  "ephemeralMessage",
  "viewOnceMessage",
  "viewOnceMessageV2",
  "viewOnceMessageV2Extension",
  "documentWithCaptionMessage",
  "editedMessage",
  "associatedChildMessage",
  "groupStatusMessage",
] as const;

const NOT_CONTENT = new Set(["messageContextInfo", "senderKeyDistributionMessage"]);
/** Types of a protocol message: `ProtocolMessage.Type` in WAProto. */
export const REVOKE = 0;
export const EDIT = 14;

/** Removes the wrappers of a message, for example those of disappearing and view-once messages. */
export function unwrap(message: proto.IMessage): proto.IMessage {
  for (const wrapper of WRAPPERS) {
    const inner = message[wrapper]?.message;
    if (inner) return unwrap(inner);
  }
  return message;
}

function mediaInfo(message: proto.IMessage): MediaInfo | undefined {
  for (const [field, kind] of MEDIA) {
    const part = message[field] as proto.Message.IDocumentMessage | null | undefined;
    if (!part?.directPath) continue;
    const picture = message.imageMessage ?? message.videoMessage ?? message.ptvMessage;
    return {
      kind,
      // Media in a channel is not encrypted and has no key.
      mediaKey: part.mediaKey ?? Buffer.alloc(0),
      fileSha256: part.fileSha256 ?? Buffer.alloc(0),
      fileEncSha256: part.fileEncSha256 ?? Buffer.alloc(0),
      fileLength: Number(part.fileLength ?? 0),
      mimetype: part.mimetype ?? "",
      caption: part.caption ?? undefined,
      fileName: part.fileName ?? undefined,
      directPath: part.directPath,
      ptt: (message.audioMessage?.ptt ?? false) === true,
      seconds: message.audioMessage?.seconds ?? message.videoMessage?.seconds ?? undefined,
      waveform: filled(message.audioMessage?.waveform),
      width: picture?.width ?? undefined,
      height: picture?.height ?? undefined,
      thumbnail: filled((picture ?? message.documentMessage)?.jpegThumbnail),
      ...(message.documentMessage?.pageCount ? { pages: message.documentMessage.pageCount } : {}),
      animated: message.stickerMessage?.isAnimated ?? false,
    };
  }
  return undefined;
}

function filled(bytes: Uint8Array | null | undefined): Uint8Array | undefined {
  return bytes?.length ? bytes : undefined;
}

/** Whether the message has content to show. A sender key alone is not content. */
export function hasContent(message: proto.IMessage): boolean {
  return Object.entries(message).some(([field, value]) => value != null && !NOT_CONTENT.has(field));
}

function readContext(message: proto.IMessage): Pick<Content, "quotes" | "mentions" | "expiration"> {
  const context = Object.values(message)
    .map((part: { contextInfo?: proto.IContextInfo | null } | null | undefined) => part?.contextInfo)
    .find(Boolean);
  const quoted = context?.quotedMessage ? readContent(context.quotedMessage).text : undefined;
  const quotes = context?.stanzaId
    ? { id: context.stanzaId, from: context.participant ?? undefined, text: quoted }
    : undefined;
  return { quotes, mentions: context?.mentionedJid ?? [], expiration: context?.expiration ?? 0 };
}

export function readPoll(wrapped: proto.IMessage): PollInfo | undefined {
  const message = unwrap(wrapped);
  const poll = message.pollCreationMessageV3 ?? message.pollCreationMessageV2 ?? message.pollCreationMessage;
  if (!poll) return undefined;
  const options = (poll.options ?? []).map(({ optionName }) => optionName ?? "");
  return { question: poll.name ?? "", options, selectable: poll.selectableOptionsCount ?? 0 };
}

function readEvent({ eventMessage: event }: proto.IMessage): EventInfo | undefined {
  if (!event) return undefined;
  const { location } = event;
  return {
    name: event.name ?? "",
    description: event.description ?? undefined,
    location: location
      ? {
          name: location.name ?? undefined,
          address: location.address ?? undefined,
          latitude: location.degreesLatitude ?? 0,
          longitude: location.degreesLongitude ?? 0,
        }
      : undefined,
    startTime: Number(event.startTime ?? 0),
    endTime: event.endTime ? Number(event.endTime) : undefined,
    canceled: event.isCanceled ?? false,
    extraGuestsAllowed: event.extraGuestsAllowed ?? false,
  };
}

/** Reads the parts of a message that a phone shows. */
export function readContent(wrapped: proto.IMessage): Content {
  const content = readUnwrapped(unwrap(wrapped));
  return isViewOnce(wrapped) ? { ...content, viewOnce: true } : content;
}

/** Whether a message can be opened only once. */
export const isViewOnce = (message: proto.IMessage): boolean =>
  Boolean(message.viewOnceMessage ?? message.viewOnceMessageV2 ?? message.viewOnceMessageV2Extension);

function readUnwrapped(message: proto.IMessage): Content {
  const media = mediaInfo(message);
  const { protocolMessage: protocol, reactionMessage: reaction } = message;
  const extended = message.extendedTextMessage;
  const text = message.conversation || extended?.text || media?.caption || reaction?.text || undefined;
  const shared = { ...readContext(message), poll: readPoll(message), event: readEvent(message) };
  const votedPoll = message.pollUpdateMessage?.pollCreationMessageKey?.id;
  const sealed = message.secretEncryptedMessage ?? message.encReactionMessage ?? message.encCommentMessage;
  const marked =
    sealed?.targetMessageKey?.id ?? message.pinInChatMessage?.key?.id ?? message.keepInChatMessage?.key?.id;
  const target =
    reaction?.key?.id ?? marked ?? votedPoll ?? message.encEventResponseMessage?.eventCreationMessageKey?.id;
  if (protocol) {
    const kind = protocol.type === EDIT ? "edit" : (protocol.type ?? REVOKE) === REVOKE ? "revoke" : "protocol";
    const edited = protocol.editedMessage ? readContent(protocol.editedMessage).text : undefined;
    return { kind, text: edited, media: undefined, refersTo: protocol.key?.id ?? undefined, ...shared };
  }
  if (message.conversation || extended) {
    return { kind: "text", text: text ?? "", media, refersTo: shared.quotes?.id, ...shared };
  }
  const field = Object.entries(message).find(([name, value]) => value != null && !NOT_CONTENT.has(name))?.[0];
  const kind = media?.kind ?? field?.replace(/Message(V\d+)?$/, "") ?? "empty";
  return { kind, text, media, refersTo: target ?? shared.quotes?.id, ...shared };
}

/** Pads a message with 1 to 16 bytes, each of which contains their number. Source: `writeRandomPadMax16` in Baileys. */
export function pad(encoded: Uint8Array): Buffer {
  const count = ((randomBytes(1)[0] ?? 0) & 0x0f) + 1;
  return Buffer.concat([encoded, Buffer.alloc(count, count)]);
}

/** Removes the padding. Throws if it is malformed. */
export function unpad(padded: Buffer): Buffer {
  const count = padded.at(-1) ?? 0;
  if (count < 1 || count > 16 || count > padded.length) throw new Error("the padding of the message is malformed");
  return padded.subarray(0, padded.length - count);
}
