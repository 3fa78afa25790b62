import { open } from "node:fs/promises";

/** A WebP picture. Sizes in pixels. */
export interface WebP {
  width: number;
  height: number;
  animated: boolean;
}

const headBytes = 30;

/** Reads the header of a WebP file. Returns undefined if the file has none. https://developers.google.com/speed/webp/docs/riff_container */
export async function readWebP(path: string): Promise<WebP | undefined> {
  await using file = await open(path);
  const { buffer: head, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
  if (bytesRead < headBytes || head.toString("latin1", 0, 4) !== "RIFF" || head.toString("latin1", 8, 12) !== "WEBP")
    return undefined;
  switch (head.toString("latin1", 12, 16)) {
    case "VP8X":
      return {
        width: head.readUIntLE(24, 3) + 1,
        height: head.readUIntLE(27, 3) + 1,
        animated: ((head[20] ?? 0) & 0x02) !== 0,
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
