/** Returns the beginning of a WebP file of this size (VP8X), which is enough to send the file. */
export function webp(side: number, { animated = false } = {}): Buffer {
  const chunk = Buffer.alloc(30);
  chunk.write("RIFF", 0, "latin1");
  chunk.writeUInt32LE(chunk.length - 8, 4);
  chunk.write("WEBPVP8X", 8, "latin1");
  chunk.writeUInt32LE(10, 16);
  chunk.writeUInt8(animated ? 0x02 : 0, 20);
  chunk.writeUIntLE(side - 1, 24, 3);
  chunk.writeUIntLE(side - 1, 27, 3);
  return chunk;
}

/** A GIF of one pixel. */
export const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
