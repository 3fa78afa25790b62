import { type FileHandle, open } from "node:fs/promises";

/** The content of an MP4, 3GP or QuickTime file. Width and height in pixels, as shown. */
export interface Mp4 {
  /** Four characters, such as `isom`, `mp42` or `qt  `. */
  brand: string;
  /** Sample entries of the video and audio tracks, such as `avc1` or `mp4a`. */
  video: string[];
  audio: string[];
  seconds: number;
  width: number;
  height: number;
}

/**
 * The largest index that is read, in bytes. The index of a video of several hours has a few megabytes. A larger index
 * is skipped to save memory.
 */
const maxIndexBytes = 32 * 1024 * 1024;
const maxTopBoxes = 10_000;

/**
 * Reads the file type and the index (`ftyp`, `moov`: ISO/IEC 14496-12), which can be anywhere in the file. Returns
 * undefined without an index.
 */
export async function readMp4(path: string): Promise<Mp4 | undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    let brand = "";
    let index: Buffer | undefined;
    for (let at = 0, count = 0; at + 8 <= size && count < maxTopBoxes && !index; count++) {
      const box = await topBox(file, at, size);
      if (!box) break;
      if (box.type === "ftyp") brand = (await read(file, box.body, 4)).toString("latin1");
      if (box.type === "moov" && box.end - box.body <= maxIndexBytes) {
        index = await read(file, box.body, box.end - box.body);
      }
      at = box.end;
    }
    return index && readIndex(index, brand);
  } finally {
    await file.close();
  }
}

interface Box {
  type: string;
  body: number;
  end: number;
}

async function topBox(file: FileHandle, at: number, size: number): Promise<Box | undefined> {
  const head = await read(file, at, Math.min(16, size - at));
  return header(head, 0, size - at, at);
}

async function read(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
}

/** Reads the header of the box at offset `at`, which has at most `room` bytes. Adds `base` to the returned offsets. */
function header(bytes: Buffer, at: number, room: number, base: number): Box | undefined {
  if (at + 8 > bytes.length) return undefined;
  const short = bytes.readUInt32BE(at);
  const long = short === 1;
  if (long && at + 16 > bytes.length) return undefined;
  // A size of 0 means that the box extends to the end of the file.
  const length = long ? Number(bytes.readBigUInt64BE(at + 8)) : short || room;
  const headerBytes = long ? 16 : 8;
  if (length < headerBytes || length > room) return undefined;
  return { type: bytes.toString("latin1", at + 4, at + 8), body: base + headerBytes, end: base + length };
}

function* boxes(bytes: Buffer, from = 0, to = bytes.length): Generator<{ type: string; body: Buffer }> {
  for (let at = from; at + 8 <= to; ) {
    const box = header(bytes, at, to - at, at);
    if (!box) return;
    yield { type: box.type, body: bytes.subarray(box.body, box.end) };
    at = box.end;
  }
}

function child(bytes: Buffer | undefined, ...path: string[]): Buffer | undefined {
  let found = bytes;
  for (const type of path) found = found && [...boxes(found)].find((box) => box.type === type)?.body;
  return found;
}

function readIndex(index: Buffer, brand: string): Mp4 {
  const found: Mp4 = { brand, video: [], audio: [], seconds: movieSeconds(child(index, "mvhd")), width: 0, height: 0 };
  for (const { type, body } of boxes(index)) {
    if (type !== "trak") continue;
    const handler = child(body, "mdia", "hdlr")?.toString("latin1", 8, 12);
    const entries = child(body, "mdia", "minf", "stbl", "stsd");
    if (!entries) continue;
    // Skips version, flags and the number of entries.
    const codecs = [...boxes(entries, 8)].map((box) => box.type);
    if (handler === "soun") found.audio.push(...codecs);
    if (handler !== "vide") continue;
    found.video.push(...codecs);
    const size = shownSize(child(body, "tkhd"));
    if (size && !found.width) Object.assign(found, size);
  }
  return found;
}

function movieSeconds(mvhd: Buffer | undefined): number {
  if (!mvhd || mvhd.length < 32) return 0;
  const wide = mvhd[0] === 1;
  const scale = mvhd.readUInt32BE(wide ? 20 : 12);
  const duration = wide ? Number(mvhd.readBigUInt64BE(24)) : mvhd.readUInt32BE(16);
  // All ones means unknown.
  return scale === 0 || duration === 0xffff_ffff || duration > Number.MAX_SAFE_INTEGER ? 0 : duration / scale;
}

function shownSize(tkhd: Buffer | undefined): { width: number; height: number } | undefined {
  const matrix = tkhd?.[0] === 1 ? 52 : 40;
  if (!tkhd || tkhd.length < matrix + 44) return undefined;
  const width = tkhd.readUInt32BE(matrix + 36) >>> 16;
  const height = tkhd.readUInt32BE(matrix + 40) >>> 16;
  // Phones store a video that was recorded upright with a rotation of 90 degrees.
  const rotated = tkhd.readInt32BE(matrix) === 0 && tkhd.readInt32BE(matrix + 16) === 0;
  return rotated ? { width: height, height: width } : { width, height };
}
