import { type FileHandle, open, readFile } from "node:fs/promises";
import { type StickerMetadata, stickerExif, stickerLimits } from "./sticker.ts";

/** A WebP picture. Sizes in pixels. */
export interface WebP {
  width: number;
  height: number;
  animated: boolean;
  /** Why WhatsApp's apps would not accept the file as a sticker, or null. Ends a sentence about the file. */
  notSticker: string | null;
}

const headBytes = 30;
/** Bytes of the header of a frame, which begins with the position and size and then has the duration. */
const frameHeadBytes = 24;
/** Flags of the chunk `VP8X`. */
const flags = { alpha: 0x10, exif: 0x08, animation: 0x02 } as const;
/** Flag for transparency in the fifth byte of the chunk `VP8L`. */
const losslessAlpha = 0x10;

/** Reads a WebP file. Returns undefined if it has no header. https://developers.google.com/speed/webp/docs/riff_container */
export async function readWebP(path: string): Promise<WebP | undefined> {
  await using file = await open(path);
  const { buffer: head, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
  const shape = bytesRead < headBytes ? undefined : shapeOf(head);
  return shape && { ...shape, notSticker: await stickerProblem(file, shape) };
}

function shapeOf(head: Buffer): Omit<WebP, "notSticker"> | undefined {
  if (head.toString("latin1", 0, 4) !== "RIFF" || head.toString("latin1", 8, 12) !== "WEBP") return undefined;
  switch (head.toString("latin1", 12, 16)) {
    case "VP8X":
      return {
        width: head.readUIntLE(24, 3) + 1,
        height: head.readUIntLE(27, 3) + 1,
        animated: ((head[20] ?? 0) & flags.animation) !== 0,
      };
    case "VP8 ":
      return { width: head.readUInt16LE(26) & 0x3fff, height: head.readUInt16LE(28) & 0x3fff, animated: false };
    case "VP8L": {
      const bits = head.readUInt32LE(21);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1, animated: false };
    }
    default:
      return undefined;
  }
}

async function stickerProblem(
  file: FileHandle,
  { width, height, animated }: Omit<WebP, "notSticker">,
): Promise<string | null> {
  const { side, stillBytes, animatedBytes, seconds } = stickerLimits;
  const { size } = await file.stat();
  const limit = animated ? animatedBytes : stillBytes;
  if (width !== side || height !== side) return `has ${width} by ${height} pixels instead of ${side} by ${side}`;
  if (size > limit) return `has ${size} bytes, and a sticker has at most ${limit}`;
  const bytes = Buffer.alloc(size);
  await file.read(bytes, 0, size, 0);
  const chunks = chunksOf(bytes);
  const pictures = animated ? ["ANMF"] : ["VP8 ", "VP8L"];
  if (!chunks?.some(({ type }) => pictures.includes(type))) return "is damaged or contains other data";
  let duration = 0;
  for (const { type, body } of chunks) {
    if (type === "ANMF" && body.length >= frameHeadBytes) duration += body.readUIntLE(12, 3);
  }
  return duration > seconds * 1000 ? `plays for ${duration / 1000} s, and a sticker at most ${seconds} s` : null;
}

interface Chunk {
  type: string;
  body: Buffer;
}

/**
 * Returns the chunks of a WebP file. Returns undefined if a chunk has an invalid size, or if there are bytes after the
 * file, as in a file that is also a file of another type.
 */
function chunksOf(bytes: Buffer): Chunk[] | undefined {
  if (bytes.length < 12 || bytes.readUInt32LE(4) + 8 !== bytes.length) return undefined;
  const chunks: Chunk[] = [];
  for (let at = 12; at < bytes.length; ) {
    if (at + 8 > bytes.length) return undefined;
    const size = bytes.readUInt32LE(at + 4);
    const end = at + 8 + size;
    if (end > bytes.length) return undefined;
    chunks.push({ type: bytes.toString("latin1", at, at + 4), body: bytes.subarray(at + 8, end) });
    at = end + (size % 2);
  }
  return chunks;
}

/** Returns a sticker with this metadata, in place of metadata that it has. Throws if the file is damaged. */
export async function withStickerMetadata(path: string, metadata: StickerMetadata): Promise<Buffer> {
  const bytes = await readFile(path);
  const chunks = chunksOf(bytes);
  const shape = shapeOf(bytes.subarray(0, headBytes));
  if (!chunks || !shape) throw new Error("the file is not a WebP picture");
  const kept = chunks.filter(({ type }) => type !== "VP8X" && type !== "EXIF");
  const head = Buffer.from(chunks.find(({ type }) => type === "VP8X")?.body ?? extendedHead(shape, kept));
  head[0] = (head[0] ?? 0) | flags.exif;
  const whole = [{ type: "VP8X", body: head }, ...kept, { type: "EXIF", body: stickerExif(metadata) }];
  return riff(whole);
}

/** Returns the chunk `VP8X` for a file that has none. */
function extendedHead({ width, height }: Omit<WebP, "notSticker">, chunks: readonly Chunk[]): Buffer {
  const head = Buffer.alloc(10);
  const lossless = chunks.find(({ type }) => type === "VP8L")?.body;
  const hasAlpha = lossless !== undefined && lossless.length >= 5 && ((lossless[4] ?? 0) & losslessAlpha) !== 0;
  head[0] = hasAlpha ? flags.alpha : 0;
  head.writeUIntLE(width - 1, 4, 3);
  head.writeUIntLE(height - 1, 7, 3);
  return head;
}

function riff(chunks: readonly Chunk[]): Buffer {
  const parts = chunks.flatMap(({ type, body }) => {
    const head = Buffer.alloc(8);
    head.write(type, 0, "latin1");
    head.writeUInt32LE(body.length, 4);
    return [head, body, Buffer.alloc(body.length % 2)];
  });
  const content = Buffer.concat(parts);
  const head = Buffer.alloc(12);
  head.write("RIFF", 0, "latin1");
  head.writeUInt32LE(content.length + 4, 4);
  head.write("WEBP", 8, "latin1");
  return Buffer.concat([head, content]);
}
