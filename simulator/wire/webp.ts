/** A WebP file as apps show it. Sizes in pixels. Source: developers.google.com/speed/webp/docs/riff_container */
export type WebPFile = {
  width: number;
  height: number;
  animated: boolean;
  seconds: number;
  /** The JSON text about the sticker's pack, parsed. */
  metadata: unknown;
};

/** The EXIF tag of the metadata. Source: `stickerMetadataEXIFTag` in mautrix-whatsapp, pkg/msgconv/wa-sticker.go. */
const METADATA_TAG = 0x5741;

/** Reads each chunk of a WebP file. Throws if the file is malformed or has other data after its end. */
export function readWebP(file: Buffer): WebPFile {
  if (file.length < 20 || file.toString("latin1", 0, 4) !== "RIFF" || file.toString("latin1", 8, 12) !== "WEBP")
    throw new Error("the file is not WebP");
  if (file.readUInt32LE(4) !== file.length - 8) throw new Error("the RIFF size is not the size of the file");
  const found: WebPFile = { width: 0, height: 0, animated: false, seconds: 0, metadata: undefined };
  let at = 12;
  while (at < file.length) {
    const size = file.readUInt32LE(at + 4);
    const body = file.subarray(at + 8, at + 8 + size);
    if (body.length !== size) throw new Error("a chunk ends after the file");
    readChunk(file.toString("latin1", at, at + 4), body, found);
    at += 8 + size + (size & 1);
  }
  return found;
}

function readChunk(type: string, body: Buffer, found: WebPFile): void {
  if (type === "VP8X") {
    found.animated = (body.readUInt8(0) & 0x02) !== 0;
    Object.assign(found, { width: body.readUIntLE(4, 3) + 1, height: body.readUIntLE(7, 3) + 1 });
  } else if (type === "VP8 " && found.width === 0) {
    Object.assign(found, { width: body.readUInt16LE(6) & 0x3fff, height: body.readUInt16LE(8) & 0x3fff });
  } else if (type === "VP8L" && found.width === 0) {
    const bits = body.readUInt32LE(1);
    Object.assign(found, { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 });
  } else if (type === "ANMF") found.seconds += body.readUIntLE(12, 3) / 1000;
  else if (type === "EXIF") found.metadata = readMetadata(body);
}

/** Reads the metadata from an EXIF block. Source: `findEXIFTagValue` in mautrix-whatsapp, pkg/msgconv/wa-sticker.go. */
function readMetadata(exif: Buffer): unknown {
  const directory = exif.readUInt32LE(4);
  for (let entry = 0; entry < exif.readUInt16LE(directory); entry++) {
    const at = directory + 2 + entry * 12;
    if (exif.readUInt16LE(at) !== METADATA_TAG) continue;
    const start = exif.readUInt32LE(at + 8);
    return JSON.parse(exif.toString("utf8", start, start + exif.readUInt32LE(at + 4)));
  }
  return undefined;
}
