import { generateWAMessage, type proto } from "@whiskeysockets/baileys";
import type { CommandInput } from "../../core/command/catalog/index.ts";
import { isChannelJid } from "../../core/message/recipient.ts";
import { defined } from "../../core/object.ts";
import { newsletterUpload } from "../baileys/send/newsletter-send.ts";
import type { MediaSource, StagedFile } from "../media/stage.ts";
import { generationOptions, resolveRecipient } from "./message.ts";
import { extrasOf, type MessageExtras } from "./message-extras.ts";
import type { PreparedMessage, SendContext } from "./types.ts";

export async function sendMedia(
  context: SendContext,
  input: CommandInput<"message.sendMedia">,
): Promise<PreparedMessage> {
  const jid = await resolveRecipient(context.sock, input.to);
  // Looks up the quoted message before the file is fetched, because it may not exist.
  const extras = await extrasOf(context, jid, input);
  return await sendFile(context, jid, extras, input);
}

/** Prepares a message with a file: stores the file in the bucket and uploads it to WhatsApp. */
export async function sendFile(
  context: SendContext,
  jid: string,
  extras: MessageExtras,
  input: MediaSource & { caption?: string | undefined; filename?: string | undefined },
): Promise<PreparedMessage> {
  const { waId, media, signal } = context;
  const file = await media.stage(context, waId, input, signal);
  try {
    signal?.throwIfAborted();
    const filename = input.filename ?? file.filename;
    const { message } = await generateWAMessage(
      jid,
      { ...contentOf(file, filename, input.caption), ...extras.content },
      {
        ...generationOptions(context),
        ...(isChannelJid(jid) ? { upload: newsletterUpload(context.sock) } : {}),
        ...extras.options,
      },
    );
    const whole = file.round ? asRound(message ?? {}) : (message ?? {});
    return {
      jid,
      message: input.viewOnce ? asViewOnce(whole) : whole,
      type: file.kind,
      protoType: file.round ? "ptvMessage" : `${file.kind}Message`,
      media: {
        mimetype: file.mimetype,
        filename,
        size: file.size,
        sha256: file.sha256,
        storageKey: file.storageKey,
        state: "stored",
        error: null,
        source: null,
      },
      context: input.viewOnce ? { ...extras.context, viewOnce: true } : extras.context,
    };
  } finally {
    await file.release();
  }
}

/**
 * Turns a video message into a round one. Baileys' option `ptv` (7.0.0-rc14, Utils/messages.ts) is not used, because it
 * drops the length, the size and the thumbnail.
 */
const asRound = ({ videoMessage, ...rest }: proto.IMessage): proto.IMessage =>
  videoMessage ? { ...rest, ptvMessage: videoMessage } : rest;

/**
 * Turns a message with a picture, video or voice note into one that can be opened once, as phones send it. Baileys' option
 * `viewOnce` is not used, because it uses the oldest of the three wrappers and puts mentions next to the content.
 */
function asViewOnce({ messageContextInfo, ...content }: proto.IMessage): proto.IMessage {
  const { imageMessage, videoMessage, audioMessage } = content;
  for (const part of [imageMessage, videoMessage, audioMessage]) if (part) part.viewOnce = true;
  const wrapper = audioMessage ? "viewOnceMessageV2Extension" : "viewOnceMessageV2";
  return { ...defined({ messageContextInfo: messageContextInfo ?? undefined }), [wrapper]: { message: content } };
}

/** The content from which Baileys makes a message. */
type Content = Parameters<typeof generateWAMessage>[1];

/** Returns what apps show of a document before it is opened. Baileys passes on these fields, which its types lack. */
function documentPreview({ pages, thumbnail, thumbnailSize }: StagedFile): object {
  const jpegThumbnail = thumbnail?.toString("base64");
  const { width: thumbnailWidth, height: thumbnailHeight } = thumbnailSize ?? {};
  return defined({ pageCount: pages, jpegThumbnail, thumbnailWidth, thumbnailHeight });
}

function contentOf(file: StagedFile, fileName: string, caption: string | undefined): Content {
  const { kind, mimetype, seconds, width, height } = file;
  const common = { mimetype, ...defined({ caption }) };
  const upload = { url: file.path };
  switch (kind) {
    case "image":
      return { image: upload, ...common, ...picture(file) };
    case "video":
      return {
        video: upload,
        ...common,
        ...picture(file),
        ...defined({ seconds }),
        gifPlayback: file.gif === true,
      };
    case "sticker":
      return {
        sticker: upload,
        mimetype,
        isAnimated: file.animated === true,
        ...(width && height ? { width, height } : {}),
      };
    case "audio": {
      // Null and 0 prevent Baileys from parsing the file, which it would do without limits.
      const waveform = file.waveform ?? null;
      const audio = { audio: upload, mimetype, ptt: file.voice, waveform, seconds: seconds ?? 0 };
      return audio;
    }
    case "document":
      return { document: upload, ...common, fileName, ...documentPreview(file) };
  }
  function picture({ thumbnail }: StagedFile) {
    // Null prevents Baileys from making a thumbnail, for which it runs ffmpeg through a shell and without limits.
    const jpegThumbnail = (thumbnail?.toString("base64") ?? null) as string;
    return { jpegThumbnail, ...(width && height ? { width, height } : {}) };
  }
}
