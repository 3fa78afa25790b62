import type { proto } from "@whiskeysockets/baileys";
import { boundCount } from "../../../core/bound.ts";
import { mediaKey } from "../../../core/media/index.ts";
import { textOf } from "../../../core/message/content/index.ts";
import type { MessageMedia } from "../../../core/message/message.sql.ts";
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
};

/** Returns the type of a message by the name of its protobuf field, such as `image` for `imageMessage`. */
export const typeOf = (protoType: string) => typeNames[protoType] ?? protoType.replace(/Message(V[0-9]+)?$/, "");

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

/**
 * Returns the file of a message, or null. Files with `unencrypted` have no media key. The file in the bucket is named
 * by `rowId`, because the sender chooses WhatsApp's id and could choose that of another person's message.
 */
export function mediaOf(
  content: proto.IMessage,
  { instanceId, rowId, unencrypted }: { instanceId: string; rowId: string; unencrypted: boolean },
): MessageMedia | null {
  for (const [field, kind] of Object.entries(mediaFields)) {
    const media = content[field as keyof typeof mediaFields];
    if (!media?.mediaKey && !(unencrypted && media?.directPath)) continue;
    return {
      mimetype: media.mimetype ?? null,
      filename: "fileName" in media ? (media.fileName ?? null) : null,
      size: boundCount(media.fileLength ?? undefined),
      sha256: media.fileSha256?.length ? Buffer.from(media.fileSha256.subarray(0, maxKeyBytes)).toString("hex") : null,
      storageKey: mediaKey(instanceId, rowId),
      state: "pending",
      error: null,
      source: {
        directPath: media.directPath ?? null,
        mediaKey: Buffer.from(media.mediaKey?.subarray(0, maxKeyBytes) ?? []).toString("base64"),
        kind,
      },
    };
  }
  return null;
}
