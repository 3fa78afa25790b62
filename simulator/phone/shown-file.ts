import type { MediaStore } from "../model/media-store.ts";
import type { proto } from "../wire/baileys.ts";
import { readContent, unwrap } from "../wire/content.ts";
import { openMedia } from "../wire/media.ts";
import { readWebP, type WebPFile } from "../wire/webp.ts";

/** Limits of stickers. Source: iOS/WAStickersThirdParty/Limits.swift in github.com/WhatsApp/stickers. */
const STICKER = { side: 512, stillBytes: 100 * 1024, animatedBytes: 500 * 1024, seconds: 10 };

/**
 * Downloads the file of a message from a linked device and checks it as an app does that shows it. Returns the sticker, if the
 * message is one. Throws if an app would not show the file as the message describes it.
 */
export function showFile(media: MediaStore, message: proto.IMessage): WebPFile | undefined {
  const { media: info, viewOnce } = readContent(message);
  if (info && viewOnce) checkViewOnce(unwrap(message));
  showLinkPicture(media, unwrap(message));
  if (info?.kind !== "sticker") return undefined;
  const ciphertext = media.get(info.directPath);
  if (!ciphertext) throw new Error(`${info.directPath} is not on the media host`);
  const file = openMedia(ciphertext, info, info.kind);
  const sticker = readWebP(file);
  const { width, height, animated, seconds } = sticker;
  if (info.mimetype !== "image/webp") throw new Error(`the sticker has the type ${info.mimetype}`);
  if (width !== STICKER.side || height !== STICKER.side)
    throw new Error(`the sticker has ${width} by ${height} pixels`);
  if (file.length > (animated ? STICKER.animatedBytes : STICKER.stillBytes) || seconds > STICKER.seconds)
    throw new Error(`the sticker is too large: ${file.length} bytes, ${seconds} s`);
  if ((info.animated ?? false) !== animated) throw new Error("the message and its sticker disagree about animation");
  return sticker;
}

/** Source: `viewOnce` of the three messages in Baileys' WAProto, and github.com/devlikeapro/waha/issues/2204. */
function checkViewOnce({ imageMessage, videoMessage, audioMessage }: proto.IMessage): void {
  const part = imageMessage ?? videoMessage ?? audioMessage;
  if (!part?.viewOnce || audioMessage?.ptt === false) throw new Error("the message can't be view-once");
}

/** Checks the large picture of a link's preview. Source: `DownloadThumbnail` in whatsmeow's download.go. */
function showLinkPicture(media: MediaStore, message: proto.IMessage): void {
  if (!message.extendedTextMessage?.thumbnailDirectPath) return;
  const { matchedText, text, title, thumbnailWidth, thumbnailHeight } = message.extendedTextMessage;
  const picture = linkPicture(media, message);
  if (!picture?.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff])))
    throw new Error("the link's picture is no JPEG");
  if (!thumbnailWidth || !thumbnailHeight || !title) throw new Error("the link's preview has no title or size");
  if (!matchedText || !text?.includes(matchedText)) throw new Error("the text doesn't contain the link of its preview");
}

/** Downloads the large picture of a link's preview. Throws if a hash or the MAC is wrong. */
export function linkPicture(media: MediaStore, message: proto.IMessage): Buffer | undefined {
  const part = unwrap(message).extendedTextMessage;
  const ciphertext = part?.thumbnailDirectPath ? media.get(part.thumbnailDirectPath) : undefined;
  if (!part || !ciphertext) return undefined;
  const none = Buffer.alloc(0);
  const { mediaKey, thumbnailSha256, thumbnailEncSha256 } = part;
  const reference = {
    mediaKey: mediaKey ?? none,
    fileSha256: thumbnailSha256 ?? none,
    fileEncSha256: thumbnailEncSha256 ?? none,
  };
  return openMedia(ciphertext, reference, "link");
}
