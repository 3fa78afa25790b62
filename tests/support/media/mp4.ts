/** Returns an MP4 whose headers declare these tracks. It has no samples. */
export function mp4(
  tracks: { video?: string; audio?: string },
  options: { seconds?: number; width?: number; height?: number; turned?: boolean; brand?: string; last?: boolean } = {},
): Buffer {
  const { seconds = 7, width = 640, height = 360, turned = false, brand = "isom", last = true } = options;
  const mvhd = Buffer.alloc(100);
  mvhd.writeUInt32BE(1000, 12);
  mvhd.writeUInt32BE(seconds * 1000, 16);
  const tkhd = Buffer.alloc(84);
  for (const [at, value] of turned
    ? ([
        [44, 1],
        [52, -1],
      ] as const)
    : ([
        [40, 1],
        [56, 1],
      ] as const)) {
    tkhd.writeInt32BE(value * 65_536, at);
  }
  tkhd.writeUInt32BE(width * 65_536, 76);
  tkhd.writeUInt32BE(height * 65_536, 80);
  const track = (handler: string, codec: string) => {
    const hdlr = Buffer.alloc(24);
    hdlr.write(handler, 8, "latin1");
    const count = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]);
    const stsd = box("stsd", count, box(codec, Buffer.alloc(70)));
    return box("trak", box("tkhd", tkhd), box("mdia", box("hdlr", hdlr), box("minf", box("stbl", stsd))));
  };
  const moov = box(
    "moov",
    box("mvhd", mvhd),
    ...(tracks.video ? [track("vide", tracks.video)] : []),
    ...(tracks.audio ? [track("soun", tracks.audio)] : []),
  );
  const ftyp = box("ftyp", Buffer.from(brand.padEnd(4)), Buffer.from([0, 0, 2, 0]), Buffer.from("isomavc1"));
  const mdat = box("mdat", Buffer.alloc(5000, 1));
  return Buffer.concat(last ? [ftyp, mdat, moov] : [ftyp, moov, mdat]);
}

function box(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, "latin1");
  return Buffer.concat([head, body]);
}

/** Returns an MP4 with many empty boxes, in its index before the tracks or at its top level. */
export function crowdedMp4(count: number, place: "index" | "top"): Buffer {
  const whole = mp4({ video: "avc1", audio: "mp4a" }, { last: false });
  const empty = Buffer.alloc(count * 8, box("free"));
  const index = whole.indexOf("moov", 0, "latin1") - 4;
  if (place === "top") return Buffer.concat([whole.subarray(0, index), empty, whole.subarray(index)]);
  const crowded = Buffer.concat([whole.subarray(0, index + 8), empty, whole.subarray(index + 8)]);
  crowded.writeUInt32BE(crowded.readUInt32BE(index) + empty.length, index);
  return crowded;
}
