import type { proto } from "@whiskeysockets/baileys";
import { boundCount } from "../../../core/bound.ts";
import { mediaKey } from "../../../core/media/index.ts";
import { type Content, textOf } from "../../../core/message/content/index.ts";
import type { MessageMedia } from "../../../core/message/message.sql.ts";
import { type FoundFile, nestedFiles } from "../content/file/files.ts";
import { readContent } from "../content/index.ts";
import { unwrap } from "../content/unwrap.ts";

const typeNames: Record<string, string> = {
  conversation: "text",
  extendedTextMessage: "text",
  ptvMessage: "video",
  liveLocationMessage: "location",
  contactsArrayMessage: "contact",
  pollCreationMessageV2: "poll",
  pollCreationMessageV3: "poll",
  pollCreationMessageV5: "poll",
  pollCreationMessage: "poll",
  // WhatsApp's protobuf has the name with three times "s".
  callLogMesssage: "callLog",
  bcallMessage: "broadcastCall",
  encCommentMessage: "comment",
};

/**
 * Returns the type of a message by the name of its protobuf field, such as `image` for `imageMessage`. A notice has the
 * kind of its content, because the field `protocolMessage` has all of them.
 */
export const typeOf = (protoType: string, content?: Content | null): string =>
  (protoType === "protocolMessage" && content?.kind) ||
  (typeNames[protoType] ?? protoType.replace(/Message(V[0-9]+)?$/, ""));

/** Returns the line of text that stands for a message: its text or caption, or a short description. */
export function bodyOf(message: proto.IMessage): string {
  const opened = unwrap(message);
  const content = readContent(opened)?.content;
  return content ? textOf(content) : unreadBodyOf(opened.content);
}

/** Returns the line of text of content that no parser reads yet. */
export function unreadBodyOf(content: proto.IMessage): string {
  return content.reactionMessage?.text ?? "";
}

/** Keys and hashes have 32 bytes. A longer one is not valid, and stays so when it is cut. */
const maxKeyBytes = 64;

const mediaFields = {
  imageMessage: "image",
  videoMessage: "video",
  ptvMessage: "ptv",
  audioMessage: "audio",
  documentMessage: "document",
  stickerMessage: "sticker",
} as const;

/** Returns the files of a message: its own file, otherwise those of its parts, such as the picture above a template. */
function filesOf(content: proto.IMessage): FoundFile[] {
  const own = Object.entries(mediaFields).flatMap(([field, kind]) => {
    const file = content[field as keyof typeof mediaFields];
    return file ? [{ kind, file }] : [];
  });
  return [...own, ...nestedFiles(content)];
}

/**
 * Returns the file of a message, or null. Files with `unencrypted` have no media key. The file in the bucket is named
 * by `rowId`, because the sender chooses WhatsApp's id and could choose that of another person's message.
 */
export function mediaOf(
  content: proto.IMessage,
  { instanceId, rowId, unencrypted }: { instanceId: string; rowId: string; unencrypted: boolean },
): MessageMedia | null {
  const found = filesOf(content).find(({ file }) => file.mediaKey || (unencrypted && file.directPath));
  if (!found) return null;
  const { kind, file } = found;
  return {
    mimetype: file.mimetype ?? null,
    filename: file.fileName ?? null,
    size: boundCount(file.fileLength ?? undefined),
    sha256: file.fileSha256?.length ? Buffer.from(file.fileSha256.subarray(0, maxKeyBytes)).toString("hex") : null,
    storageKey: mediaKey(instanceId, rowId),
    state: "pending",
    error: null,
    source: {
      directPath: file.directPath ?? null,
      mediaKey: Buffer.from(file.mediaKey?.subarray(0, maxKeyBytes) ?? []).toString("base64"),
      kind,
    },
  };
}
