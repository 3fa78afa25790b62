import { type FileHandle, open } from "node:fs/promises";

/** The size of a picture in pixels, as apps show it. */
export interface PictureSize {
  width: number;
  height: number;
}

const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** How many segments of a JPEG are read before its size at most. A photo with all its metadata has about 50. */
const maxSegments = 1000;
/** How much of the EXIF segment is searched for the orientation, in bytes. */
const maxExifBytes = 1024;
const orientationTag = 0x0112;

/**
 * Reads the size of a JPEG, a PNG or a GIF from its header. Reads only a few bytes of each segment, so that the time doesn't
 * depend on the size of the file. Returns undefined for a damaged file.
 */
export async function readPictureSize(path: string): Promise<PictureSize | undefined> {
  await using file = await open(path);
  const head = await bytesAt(file, 0, 24);
  if (head.length < 24) return undefined;
  if (head.subarray(0, 8).equals(pngSignature)) return filled(head.readUInt32BE(16), head.readUInt32BE(20));
  if (head.toString("latin1", 0, 4) === "GIF8") return filled(head.readUInt16LE(6), head.readUInt16LE(8));
  return head.readUInt16BE(0) === 0xffd8 ? await readJpeg(file) : undefined;
}

async function readJpeg(file: FileHandle): Promise<PictureSize | undefined> {
  let turned = false;
  for (let at = 2, count = 0; count < maxSegments; count++) {
    const head = await bytesAt(file, at, 9);
    if (head.length < 9 || head[0] !== 0xff) return undefined;
    const marker = head[1] ?? 0;
    if (marker === 0xff) {
      // A fill byte before a marker (ITU-T T.81, B.1.1.2).
      at++;
      continue;
    }
    if (isFrame(marker)) {
      const [height, width] = [head.readUInt16BE(5), head.readUInt16BE(7)];
      return turned ? filled(height, width) : filled(width, height);
    }
    if (marker === 0xe1) turned ||= isTurned(await bytesAt(file, at + 4, maxExifBytes));
    const length = head.readUInt16BE(2);
    if (length < 2) return undefined;
    at += 2 + length;
  }
  return undefined;
}

/** Whether a marker begins a frame, which states the size: `SOF0` to `SOF15` without `DHT`, `JPG` and `DAC`. */
const isFrame = (marker: number) => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Whether an EXIF segment says that the picture is shown turned by 90 degrees (orientations 5 to 8). */
function isTurned(exif: Buffer): boolean {
  if (exif.length < 14 || exif.toString("latin1", 0, 6) !== "Exif\0\0") return false;
  const tiff = exif.subarray(6);
  const little = tiff.toString("latin1", 0, 2) === "II";
  const short = (at: number) => (at + 2 > tiff.length ? 0 : little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
  const directory = little ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
  const entries = Math.min(short(directory), maxExifBytes / 12);
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + 12 * entry;
    if (short(at) === orientationTag) return short(at + 8) >= 5 && short(at + 8) <= 8;
  }
  return false;
}

const filled = (width: number, height: number) => (width > 0 && height > 0 ? { width, height } : undefined);

/** Returns bytes of the file, fewer at its end. */
async function bytesAt(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
}
