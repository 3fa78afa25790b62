/** Returns an Ogg/Opus file of silence, made of 20 ms packets of three bytes each (RFC 6716, RFC 7845). */
export function oggOpus(seconds: number): Buffer {
  const preSkip = 312;
  const packet = Buffer.from([0xf8, 0xff, 0xfe]);
  const head = Buffer.alloc(19);
  head.write("OpusHead", 0, "latin1");
  head.set([1, 1], 8);
  head.writeUInt16LE(preSkip, 10);
  head.writeUInt32LE(48_000, 12);
  const tags = Buffer.concat([Buffer.from("OpusTags"), Buffer.alloc(8)]);
  const pages = [page(head, [19], 0, 0, 2), page(tags, [16], 0, 1, 0)];
  const packets = Math.ceil(seconds * 50);
  for (let done = 0, number = 2; done < packets; number++) {
    const count = Math.min(50, packets - done);
    done += count;
    const last = done === packets;
    const position = last ? Math.round(seconds * 48_000) + preSkip : done * 960;
    const body = Buffer.concat(Array.from({ length: count }, () => packet));
    pages.push(page(body, Array(count).fill(3), position, number, last ? 4 : 0));
  }
  return Buffer.concat(pages);
}

function page(body: Buffer, segments: number[], position: number, number: number, flags: number): Buffer {
  const header = Buffer.alloc(27 + segments.length);
  header.write("OggS", 0, "latin1");
  header[5] = flags;
  header.writeBigUInt64LE(BigInt(position), 6);
  header.writeUInt32LE(7, 14);
  header.writeUInt32LE(number, 18);
  header[26] = segments.length;
  header.set(segments, 27);
  const whole = Buffer.concat([header, body]);
  whole.writeUInt32LE(checksum(whole), 22);
  return whole;
}

/** Returns the CRC-32 of RFC 3533: polynomial 0x04c11db7, not reflected, not inverted. */
function checksum(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000_0000 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  }
  return crc >>> 0;
}
