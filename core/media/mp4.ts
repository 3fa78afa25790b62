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
 * How many boxes of a file are read at most. A usual file has fewer than 100 boxes on the way to the codecs. A
 * fragmented film of several hours may have some thousands before the index.
 */
const maxBoxes = 10_000;
/** Largest content of a box that is read, in bytes. The boxes that are read have a few hundred bytes. */
const maxContent = 4096;
/** How much of the file is read at a time. Bytes. */
const windowBytes = 64 * 1024;

/**
 * Reads the file type and the index (`ftyp`, `moov`: ISO/IEC 14496-12), which can be anywhere in the file. Reads only
 * the headers of boxes and a few small boxes, so that time and memory don't depend on the size of the file. Returns
 * undefined without an index, or if the file has too many boxes.
 */
export async function readMp4(path: string): Promise<Mp4 | undefined> {
  const file = await open(path);
  try {
    return await new BoxReader(file, (await file.stat()).size).read();
  } catch (error) {
    if (error instanceof TooManyBoxes) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}

class TooManyBoxes extends Error {}

/** The place of a box in the file: `end` is behind its last byte. */
interface Box {
  type: string;
  body: number;
  end: number;
}

class BoxReader {
  readonly #file: FileHandle;
  readonly #size: number;
  #boxes = 0;
  /** The part of the file that was read last, and its place. */
  #window = Buffer.alloc(0);
  #windowAt = 0;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  async read(): Promise<Mp4 | undefined> {
    let brand = "";
    for await (const box of this.#children({ type: "", body: 0, end: this.#size })) {
      if (box.type === "ftyp") brand = (await this.#bytes(box.body, 4)).toString("latin1");
      if (box.type === "moov") return await this.#readIndex(box, brand);
    }
    return undefined;
  }

  async #readIndex(moov: Box, brand: string): Promise<Mp4> {
    const found: Mp4 = { brand, video: [], audio: [], seconds: 0, width: 0, height: 0 };
    for await (const box of this.#children(moov)) {
      if (box.type === "mvhd") found.seconds = movieSeconds(await this.#content(box));
      if (box.type === "trak") await this.#readTrack(box, found);
    }
    return found;
  }

  async #readTrack(trak: Box, found: Mp4): Promise<void> {
    const media = await this.#child(trak, "mdia");
    const handlerBox = media && (await this.#child(media, "hdlr"));
    const handler = handlerBox && (await this.#content(handlerBox)).toString("latin1", 8, 12);
    if (handler !== "soun" && handler !== "vide") return;
    const entries = await this.#child(media, "minf", "stbl", "stsd");
    if (!entries) return;
    const codecs: string[] = [];
    // Skips version, flags and the number of entries.
    for await (const entry of this.#children({ ...entries, body: entries.body + 8 })) codecs.push(entry.type);
    found[handler === "soun" ? "audio" : "video"].push(...codecs);
    if (handler === "soun" || found.width) return;
    const header = await this.#child(trak, "tkhd");
    Object.assign(found, header && shownSize(await this.#content(header)));
  }

  async #child(parent: Box | undefined, ...path: string[]): Promise<Box | undefined> {
    let found = parent;
    for (const type of path) found = found && (await this.#firstChild(found, type));
    return found;
  }

  async #firstChild(parent: Box, type: string): Promise<Box | undefined> {
    for await (const box of this.#children(parent)) if (box.type === type) return box;
    return undefined;
  }

  /** Returns the boxes in a box, up to the first one that is invalid. */
  async *#children({ body, end }: Box): AsyncGenerator<Box> {
    for (let at = body; at + 8 <= end; ) {
      if (++this.#boxes > maxBoxes) throw new TooManyBoxes();
      const box = header(await this.#bytes(at, Math.min(16, end - at)), at, end - at);
      if (!box) return;
      yield box;
      at = box.end;
    }
  }

  #content({ body, end }: Box): Promise<Buffer> {
    return this.#bytes(body, Math.min(end - body, maxContent));
  }

  /** Returns bytes of the file, fewer at its end. */
  async #bytes(at: number, length: number): Promise<Buffer> {
    const from = at - this.#windowAt;
    if (from >= 0 && from + length <= this.#window.length) return this.#window.subarray(from, from + length);
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(windowBytes), 0, windowBytes, at);
    this.#window = buffer.subarray(0, bytesRead);
    this.#windowAt = at;
    return this.#window.subarray(0, length);
  }
}

/** Reads the header of a box at `at` in the file, for which there is room of `room` bytes. */
function header(bytes: Buffer, at: number, room: number): Box | undefined {
  if (bytes.length < 8) return undefined;
  const short = bytes.readUInt32BE(0);
  const long = short === 1;
  if (long && bytes.length < 16) return undefined;
  // A size of 0 means that the box extends to the end of the file.
  const length = long ? Number(bytes.readBigUInt64BE(8)) : short || room;
  const headerBytes = long ? 16 : 8;
  if (length < headerBytes || length > room) return undefined;
  return { type: bytes.toString("latin1", 4, 8), body: at + headerBytes, end: at + length };
}

function movieSeconds(mvhd: Buffer): number {
  if (mvhd.length < 32) return 0;
  const wide = mvhd[0] === 1;
  const scale = mvhd.readUInt32BE(wide ? 20 : 12);
  const duration = wide ? Number(mvhd.readBigUInt64BE(24)) : mvhd.readUInt32BE(16);
  // All ones means unknown.
  return scale === 0 || duration === 0xffff_ffff || duration > Number.MAX_SAFE_INTEGER ? 0 : duration / scale;
}

function shownSize(tkhd: Buffer): { width: number; height: number } | undefined {
  const matrix = tkhd[0] === 1 ? 52 : 40;
  if (tkhd.length < matrix + 44) return undefined;
  const width = tkhd.readUInt32BE(matrix + 36) >>> 16;
  const height = tkhd.readUInt32BE(matrix + 40) >>> 16;
  // Phones store a video that was recorded upright with a rotation of 90 degrees.
  const rotated = tkhd.readInt32BE(matrix) === 0 && tkhd.readInt32BE(matrix + 16) === 0;
  return rotated ? { width: height, height: width } : { width, height };
}
