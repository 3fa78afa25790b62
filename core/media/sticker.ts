import { createHash } from "node:crypto";
import * as z from "zod";

/**
 * What WhatsApp's apps accept as a sticker: WebP of 512 by 512 pixels, at most 100 KiB, or 500 KiB and 10 s if it is
 * animated. Source: `Limits.swift` in github.com/WhatsApp/stickers. The sizes in bytes leave room for the metadata, and
 * for apps that count 500,000 bytes (github.com/WhatsApp/stickers/issues/742).
 */
export const stickerLimits = { side: 512, stillBytes: 100_000, animatedBytes: 500_000, seconds: 10 } as const;

/** One emoji, which may consist of several characters. */
const emoji = z
  .string()
  .max(64)
  .refine(
    (text) => /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u.test(text) && graphemes(text) === 1,
    "must be one emoji",
  );

const graphemes = (text: string) => [...new Intl.Segmenter().segment(text)].length;

/** The pack to which a sticker belongs according to its metadata. Limits: `Limits.swift` in github.com/WhatsApp/stickers. */
export const stickerMetadata = z.object({
  pack: z.string().trim().min(1).max(128).optional().meta({ description: "The name of the sticker pack" }),
  author: z.string().trim().min(1).max(128).optional().meta({ description: "The author of the sticker pack" }),
  emojis: z.array(emoji).max(3).optional().meta({ description: "Emojis that describe the sticker" }),
});
export type StickerMetadata = z.output<typeof stickerMetadata>;

/** The EXIF tag with the metadata. Source: `stickerMetadataEXIFTag` in mautrix-whatsapp's pkg/msgconv/wa-sticker.go. */
const metadataTag = 0x5741;
/** Bytes of the TIFF header and a directory with one entry, after which the metadata follows. */
const exifHeadBytes = 22;
/** Largest EXIF chunk that is read, in bytes. */
const maxExifBytes = 64 * 1024;

/** Returns the metadata as an EXIF block: a little-endian TIFF with one entry, a JSON text. */
export function stickerExif({ pack = "", author = "", emojis = [] }: StickerMetadata): Buffer {
  // Apps group stickers by the id of the pack, so the same pack and author always have the same id.
  const id = createHash("sha256")
    .update(JSON.stringify([pack, author]))
    .digest("hex")
    .slice(0, 32);
  const names = { "sticker-pack-id": id, "sticker-pack-name": pack, "sticker-pack-publisher": author };
  const json = Buffer.from(JSON.stringify({ ...names, emojis }));
  const head = Buffer.alloc(exifHeadBytes);
  head.write("II*\0", 0, "latin1");
  head.writeUInt32LE(8, 4);
  head.writeUInt16LE(1, 8);
  head.writeUInt16LE(metadataTag, 10);
  // Type 7 is "undefined": bytes.
  head.writeUInt16LE(7, 12);
  head.writeUInt32LE(json.length, 14);
  head.writeUInt32LE(exifHeadBytes, 18);
  return Buffer.concat([head, json]);
}

/** Returns the JSON text in a block of `stickerExif`, also of other programs. Returns undefined if there is none. */
export function readStickerExif(exif: Buffer): unknown {
  if (exif.length < exifHeadBytes || exif.length > maxExifBytes || exif.toString("latin1", 0, 4) !== "II*\0") return;
  const entry = exif.readUInt32LE(4) + 2;
  if (entry + 12 > exif.length || exif.readUInt16LE(entry) !== metadataTag) return;
  const start = exif.readUInt32LE(entry + 8);
  try {
    return JSON.parse(exif.toString("utf8", start, start + exif.readUInt32LE(entry + 4)));
  } catch {
    return;
  }
}
