import { MEDIA_PATH_MAP, type MediaType, normalizeMessageContent, proto, type WASocket } from "@whiskeysockets/baileys";

/**
 * Adds the upload paths for files of channels (newsletters) to Baileys. Channel posts are not end-to-end encrypted, and
 * their files have their own paths on the media host. If the file has another path, or the stanza does not name the
 * kind of the file, WhatsApp rejects the channel post with error 479 or doesn't show it. Baileys 7.0.0-rc14 uses other
 * paths and does not name the kind (https://github.com/WhiskeySockets/Baileys/issues/2199).
 */
export function registerNewsletterPaths(): void {
  const kinds = ["image", "video", "document", "audio"];
  Object.assign(
    MEDIA_PATH_MAP,
    Object.fromEntries(kinds.map((kind) => [`newsletter-${kind}`, `/newsletter/newsletter-${kind}`])),
  );
}

/** Returns the upload function for files of channel posts, which replaces the socket's own `waUploadToServer`. */
export function newsletterUpload(sock: WASocket): WASocket["waUploadToServer"] {
  return async (path, options) => {
    const mediaType = `newsletter-${options.mediaType}` as MediaType;
    const uploaded = await sock.waUploadToServer(path, { ...options, mediaType });
    // WhatsApp's own apps put only the path into a channel post, and no URL.
    return { ...uploaded, mediaUrl: undefined as unknown as string };
  };
}

/**
 * Sends a channel post, or an edit or deletion of a channel post. Works like Baileys' `relayMessage`, but the stanza
 * names the kind of the file.
 */
export async function relayNewsletterMessage(
  sock: WASocket,
  jid: string,
  message: proto.IMessage,
  { messageId: id = "", additionalAttributes = {} }: Parameters<WASocket["relayMessage"]>[2],
): Promise<void> {
  const kind = fileKindOf(message);
  await sock.sendNode({
    tag: "message",
    attrs: { to: jid, id, type: kind ? "media" : "text", ...additionalAttributes },
    content: [
      {
        tag: "plaintext",
        attrs: kind ? { mediatype: kind } : {},
        content: proto.Message.encode(proto.Message.fromObject(message)).finish(),
      },
    ],
  });
}

function fileKindOf(message: proto.IMessage): string | undefined {
  const { imageMessage, videoMessage, audioMessage, documentMessage } = normalizeMessageContent(message) ?? {};
  if (imageMessage) return "image";
  if (videoMessage) return videoMessage.gifPlayback ? "gif" : "video";
  if (audioMessage) return audioMessage.ptt ? "ptt" : "audio";
  return documentMessage ? "document" : undefined;
}
