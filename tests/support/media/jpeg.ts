/**
 * Returns a JPEG whose header states this size, with an EXIF orientation if there is one. It has no picture, which is enough to
 * send it unchanged.
 */
export function jpeg(
  width: number,
  height: number,
  options: { orientation?: number; order?: "II" | "MM"; bytes?: number } = {},
): Buffer {
  const { orientation, order = "II", bytes = 0 } = options;
  const exif = orientation === undefined ? [] : [segment(0xe1, exifOf(orientation, order))];
  const shape = Buffer.from([8, height >> 8, height & 0xff, width >> 8, width & 0xff, 1, 1, 0x11, 0]);
  const filler = Array.from({ length: Math.ceil(bytes / 60_000) }, () => segment(0xfe, Buffer.alloc(60_000, 1)));
  const end = Buffer.from([0xff, 0xd9]);
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    ...exif,
    segment(0xe0, Buffer.from("JFIF\0")),
    segment(0xc2, shape),
    ...filler,
    end,
  ]);
}

function segment(marker: number, body: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([head, body]);
}

function exifOf(orientation: number, order: "II" | "MM"): Buffer {
  const exif = Buffer.alloc(32);
  exif.write(`Exif\0\0${order}`, 0, "latin1");
  const short = (value: number, at: number) =>
    order === "II" ? exif.writeUInt16LE(value, at) : exif.writeUInt16BE(value, at);
  if (order === "II") exif.writeUInt32LE(8, 10);
  else exif.writeUInt32BE(8, 10);
  short(1, 14);
  short(0x0112, 16);
  short(3, 18);
  short(orientation, 24);
  return exif;
}
