import { getContentType } from "@whiskeysockets/baileys";
import { fits, shorterCopies } from "../../../core/cut.ts";
import type { Content } from "../../../core/message/content/index.ts";
import { maxUnknownBytes } from "../../../core/message/content/text/unknown.ts";
import { parseAudio, parseDocument, parseImage, parseRoundVideo, parseSticker, parseVideo } from "./file/media.ts";
import { furtherFields } from "./kinds.ts";
import { parseLiveLocation, parseLocation } from "./location.ts";
import { parseCalendarEvent } from "./occasion/calendar-event.ts";
import { parsePoll } from "./occasion/poll.ts";
import { type Ignored, ignored, type Parse, type ParseSome } from "./parse.ts";
import { parseContact, parseContacts } from "./person/contacts.ts";
import { parseConversation, parseExtendedText } from "./text/text.ts";
import { type Field, type Opened, wrapperFields } from "./unwrap.ts";

/** What becomes of each field of `proto.Message` that is not a wrapper. */
export const registry: { [Name in Field]?: Parse<Name> | ParseSome<Name> | Ignored } = {
  conversation: parseConversation,
  extendedTextMessage: parseExtendedText,
  imageMessage: parseImage,
  videoMessage: parseVideo,
  ptvMessage: parseRoundVideo,
  audioMessage: parseAudio,
  documentMessage: parseDocument,
  stickerMessage: parseSticker,
  locationMessage: parseLocation,
  liveLocationMessage: parseLiveLocation,
  contactMessage: parseContact,
  contactsArrayMessage: parseContacts,
  pollCreationMessage: parsePoll,
  pollCreationMessageV2: parsePoll,
  pollCreationMessageV3: parsePoll,
  pollCreationMessageV5: parsePoll,
  eventMessage: parseCalendarEvent,
  senderKeyDistributionMessage: ignored("a key for the messages of a group"),
  fastRatchetKeySenderKeyDistributionMessage: ignored("a key for the messages of a group"),
  messageContextInfo: ignored("facts about the message in the other fields"),
  reactionMessage: ignored("an event about another message (`message/about.ts`)"),
  encReactionMessage: ignored("an event about another message (`message/sealed.ts`)"),
  secretEncryptedMessage: ignored("an event about another message (`message/sealed.ts`)"),
  pollUpdateMessage: ignored("an event about another message (`response/responses.ts`)"),
  encEventResponseMessage: ignored("an event about another message (`response/responses.ts`)"),
  pinInChatMessage: ignored("an event about another message (`message/about.ts`)"),
  keepInChatMessage: ignored("an event about another message (`message/about.ts`)"),
  ...furtherFields,
};

/** The content of a message, and the field of `proto.Message` that has it. */
export interface ReadContent {
  protoType: string;
  /** Null if no parser reads the field yet. */
  content: Content | null;
  /** Present if a text or list was too long, so that only its beginning is in the content. */
  truncated?: true;
}

/** `protoType` of content that is newer than the protobuf definition. */
export const unknownType = "unknown";

/** Returns the content of an opened message, or undefined if the message has no content for people. */
export function readContent(opened: Opened): ReadContent | undefined {
  const cut: Pick<ReadContent, "truncated"> = {};
  const noteCut = () => {
    cut.truncated = true;
  };
  const present = (Object.keys(opened.content) as Field[]).filter((field) => hasValue(opened.content[field]));
  for (const field of present) {
    const parse = registry[field];
    if (typeof parse !== "function") continue;
    const content = (parse as ParseSome<Field>)(opened.content[field] as never, { ...opened, noteCut });
    if (content) return { protoType: field, content: boundContent(content, opened, noteCut), ...cut };
  }
  const isUnread = (field: Field) => !registry[field] && !wrapperFields.includes(field);
  const protoType = present.find((field) => isUnread(field) && getContentType({ [field]: opened.content[field] }));
  if (protoType) return { protoType, content: null };
  return opened.unknownFields.length > 0 ? { protoType: unknownType, content: unknownContent(opened) } : undefined;
}

/**
 * The largest content of a message in an event and in its row, in bytes of JSON. The parsers keep their texts below it,
 * so this only catches what escaped their limits.
 */
const maxContentBytes = 327_680;

/** Returns content of at most `maxContentBytes`: the content itself, a shorter copy, or at last its protobuf. */
function boundContent(content: Content, opened: Opened, noteCut: () => void): Content {
  if (fits(JSON.stringify(content), maxContentBytes)) return content;
  noteCut();
  for (const shorter of shorterCopies(content)) if (fits(JSON.stringify(shorter), maxContentBytes)) return shorter;
  return unknownContent(opened);
}

const hasValue = (part: unknown) => part !== null && part !== undefined;

/** The longest list of field numbers in an event. */
const maxFields = 100;

function unknownContent({ encoded, unknownFields }: Opened): Content {
  const bytes = encoded ?? new Uint8Array();
  return {
    kind: "unknown",
    fields: unknownFields.slice(0, maxFields),
    bytes: Buffer.from(bytes.subarray(0, maxUnknownBytes)).toString("base64"),
    size: bytes.length,
  };
}
