/** The picture of a lossless WebP (`VP8L`): red, 512 by 512 pixels. */
const red = Buffer.from("L//BfwAHEPWP/gcEAsn+3jMU0f+M//znP//5z3/+838=", "base64");

/** Returns a WebP file whose header states this size. With 512, the picture has that size too. */
export function webp(side: number, options: { animated?: boolean; frameMs?: number; filler?: number } = {}): Buffer {
  const { animated = false, frameMs = 100, filler = 0 } = options;
  const head = Buffer.alloc(10);
  head.writeUInt8(animated ? 0x02 : 0, 0);
  head.writeUIntLE(side - 1, 4, 3);
  head.writeUIntLE(side - 1, 7, 3);
  const frame = Buffer.alloc(16);
  frame.writeUIntLE(511, 6, 3);
  frame.writeUIntLE(511, 9, 3);
  frame.writeUIntLE(frameMs, 12, 3);
  const picture = chunk("VP8L", red);
  const frames = [chunk("ANIM", Buffer.alloc(6)), ...[1, 2].map(() => chunk("ANMF", Buffer.concat([frame, picture])))];
  const unknown = filler > 0 ? [chunk("fill", Buffer.alloc(filler, 1))] : [];
  return riff(chunk("VP8X", head), ...(animated ? frames : [picture]), ...unknown);
}

/** The smallest form of a red sticker: no chunk but its picture. */
export const plainWebp = () => riff(chunk("VP8L", red));

function riff(...chunks: Buffer[]): Buffer {
  const content = Buffer.concat([Buffer.from("WEBP"), ...chunks]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(content.length);
  return Buffer.concat([Buffer.from("RIFF"), size, content]);
}

function chunk(type: string, body: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(body.length);
  return Buffer.concat([Buffer.from(type), size, body, Buffer.alloc(body.length % 2)]);
}

/** A GIF of one pixel. */
export const gif = Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
