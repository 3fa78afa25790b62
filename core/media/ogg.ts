import { open } from "node:fs/promises";

/** RFC 3533: a page has 27 bytes of header, up to 255 of segment table, and up to 255 segments of 255 bytes. */
const maxPageBytes = 27 + 255 + 255 * 255;
/** RFC 7845: granule positions of Opus count at 48 kHz, whatever the sound was made of. */
const granulesPerSecond = 48_000;
/** A page that no packet ends on has no position. */
const noPosition = 0xffff_ffff_ffff_ffffn;

export interface OggOpus {
  /** Length of the sound. */
  seconds: number;
  channels: number;
}

/** Reads only the first and the last page. Undefined when the file is no Ogg that begins with Opus (RFC 7845). */
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

/** The position that the last page of a stream states, looking for it from the end. */
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
