import { MEDIA_PATH_MAP, type MediaType, normalizeMessageContent, proto, type WASocket } from "@whiskeysockets/baileys";

/**
 * Of a channel nothing is encrypted, and its files have paths of their own on the media host: WhatsApp refuses with 479, or shows
 * nothing of, a post whose file lies elsewhere, or which does not name its kind beside the content. Baileys does neither
 * (7.0.0-rc14, https://github.com/WhiskeySockets/Baileys/issues/2199), but lets us.
 */
export function preparePosts(): void {
  const kinds = ["image", "video", "document", "audio"];
  Object.assign(
    MEDIA_PATH_MAP,
    Object.fromEntries(kinds.map((kind) => [`newsletter-${kind}`, `/newsletter/newsletter-${kind}`])),
  );
}

/** Uploads the file of a post: in place of the socket's own `waUploadToServer`. */
export function uploadPost(sock: WASocket): WASocket["waUploadToServer"] {
  return async (path, options) => {
    const mediaType = `newsletter-${options.mediaType}` as MediaType;
    const uploaded = await sock.waUploadToServer(path, { ...options, mediaType });
    // WhatsApp's own posts tell only the path.
    return { ...uploaded, mediaUrl: undefined as unknown as string };
  };
}

/** Sends a post, or what is said of one: the stanza of `relayMessage`, which leaves the kind of a file out. */
export async function relayPost(
  sock: WASocket,
  jid: string,
  message: proto.IMessage,
  { messageId: id = "", additionalAttributes = {} }: Parameters<WASocket["relayMessage"]>[2],
): Promise<void> {
  const kind = kindOf(message);
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

function kindOf(message: proto.IMessage): string | undefined {
  const { imageMessage, videoMessage, audioMessage, documentMessage } = normalizeMessageContent(message) ?? {};
  if (imageMessage) return "image";
  if (videoMessage) return videoMessage.gifPlayback ? "gif" : "video";
  if (audioMessage) return audioMessage.ptt ? "ptt" : "audio";
  return documentMessage ? "document" : undefined;
}
