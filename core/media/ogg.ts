import { open } from "node:fs/promises";

/** RFC 3533: a page has a header of 27 bytes, a segment table of up to 255 bytes, and up to 255 segments of 255 bytes. */
const maxPageBytes = 27 + 255 + 255 * 255;
/** RFC 7845: granule positions of Opus count at 48 kHz, whatever the original sample rate. */
const granulesPerSecond = 48_000;
/** The position of a page on which no packet ends. */
const noPosition = 0xffff_ffff_ffff_ffffn;

export interface OggOpus {
  seconds: number;
  channels: number;
}

/** Reads only the first and the last page. Returns undefined unless the file is an Ogg file that begins with Opus (RFC 7845). */
export async function readOggOpus(path: string): Promise<OggOpus | undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(Math.min(size, 512));
    await file.read(head, 0, head.length, 0);
    const first = pageAt(head, 0);
    if (!first) return undefined;
    const packet = head.subarray(first.body);
    if (packet.length < 19 || packet.toString("latin1", 0, 8) !== "OpusHead") return undefined;
    const preSkip = packet.readUInt16LE(10);
    const tail = Buffer.alloc(Math.min(size, 2 * maxPageBytes));
    await file.read(tail, 0, tail.length, size - tail.length);
    const end = lastPosition(tail, first.serial) ?? 0n;
    return { seconds: Math.max(0, Number(end) - preSkip) / granulesPerSecond, channels: packet.readUInt8(9) };
  } finally {
    await file.close();
  }
}

/** Returns the position that the last page of a stream states. Searches from the end. */
function lastPosition(bytes: Buffer, serial: number): bigint | undefined {
  for (let at = bytes.lastIndexOf("OggS"); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf("OggS", at - 1)) {
    const page = pageAt(bytes, at);
    if (page?.serial === serial && page.position !== noPosition) return page.position;
  }
  return undefined;
}

function pageAt(bytes: Buffer, at: number): { position: bigint; serial: number; body: number } | undefined {
  if (at + 27 > bytes.length || bytes.toString("latin1", at, at + 4) !== "OggS" || bytes[at + 4] !== 0)
    return undefined;
  return {
    position: bytes.readBigUInt64LE(at + 6),
    serial: bytes.readUInt32LE(at + 14),
    body: at + 27 + (bytes[at + 26] ?? 0),
  };
}
