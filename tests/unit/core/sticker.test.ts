import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPictureSize } from "../../../core/media/picture.ts";
import { recognize } from "../../../core/media/recognize.ts";
import { readStickerExif, stickerExif, stickerMetadata } from "../../../core/media/sticker.ts";
import { readWebP, withStickerMetadata } from "../../../core/media/webp.ts";
import { readWebP as readAsPhone } from "../../../simulator/wire/webp.ts";
import { jpeg } from "../../support/media/jpeg.ts";
import { png } from "../../support/media/png.ts";
import { gif, plainWebp, webp } from "../../support/media/webp.ts";

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-sticker-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function save(bytes: Buffer): Promise<string> {
  const path = join(folder, String(count++));
  await writeFile(path, bytes);
  return path;
}

test.each([
  ["a sticker", webp(512), null],
  ["a sticker without an extended header", plainWebp(), null],
  ["an animated sticker", webp(512, { animated: true }), null],
  ["a sticker of 100,000 bytes", webp(512, { filler: 99_922 }), null],
  ["a sticker with one byte more", webp(512, { filler: 99_924 }), "has 100002 bytes, and a sticker has at most 100000"],
  ["an animated sticker of that size", webp(512, { animated: true, filler: 99_924 }), null],
  ["an animated sticker of 500,100 bytes", webp(512, { animated: true, filler: 500_000 }), "at most 500000"],
  ["a smaller picture", webp(511), "has 511 by 511 pixels instead of 512 by 512"],
  ["an animation of more than 10 s", webp(512, { animated: true, frameMs: 5001 }), "plays for 10.002 s"],
  ["an animation of 10 s", webp(512, { animated: true, frameMs: 5000 }), null],
  [
    "a WebP file with a ZIP file after it",
    Buffer.concat([webp(512), Buffer.from("PK\x05\x06")]),
    "contains other data",
  ],
  ["a truncated file", webp(512).subarray(0, 60), "is damaged"],
  ["an animation without frames", Buffer.from(webp(512)).fill(0x02, 20, 21), "is damaged"],
])("the limits of WhatsApp's apps for stickers are applied to %s", async (_name, bytes, problem) => {
  const found = await readWebP(await save(bytes));
  if (problem === null) expect(found?.notSticker).toBeNull();
  else expect(found?.notSticker).toContain(problem);
});

test("a chunk with any size ends the reading without an error", async () => {
  for (const size of [0, 1, 33, 0x7fff_ffff, 0xffff_ffff]) {
    const bytes = webp(512);
    bytes.writeUInt32LE(size, 34);
    expect((await readWebP(await save(bytes)))?.width).toBe(512);
    await expect(withStickerMetadata(await save(bytes), {})).rejects.toThrow("not a WebP picture");
  }
});

test.each([
  ["a still sticker", webp(512)],
  ["a sticker without an extended header", plainWebp()],
  ["an animated sticker", webp(512, { animated: true })],
])("metadata is added to %s in the form that WhatsApp's apps read, once", async (_name, bytes) => {
  const old = await withStickerMetadata(await save(bytes), { pack: "Old", author: "Nobody" });
  const pack = { pack: "Cats 🐈", author: "Ann", emojis: ["😀", "👨‍👩‍👧"] };
  const named = await withStickerMetadata(await save(old), pack);
  const { metadata, ...shape } = readAsPhone(named);
  expect(shape).toMatchObject({ width: 512, height: 512, animated: bytes.includes("ANIM") });
  expect(metadata).toEqual({
    "sticker-pack-id": expect.stringMatching(/^[0-9a-f]{32}$/),
    "sticker-pack-name": "Cats 🐈",
    "sticker-pack-publisher": "Ann",
    emojis: ["😀", "👨‍👩‍👧"],
  });
  expect(named.toString("latin1").split("EXIF")).toHaveLength(2);
  // The flag of the extended header announces the metadata, and the picture is unchanged.
  expect((named[20] ?? 0) & 0x08).toBe(0x08);
  expect(named.includes(bytes.subarray(bytes.indexOf("VP8L")))).toBe(true);
  expect((await readWebP(await save(named)))?.notSticker).toBeNull();
});

test("stickers of one pack have one id, and the metadata begins like WhatsApp's", () => {
  const idOf = (metadata: object) =>
    (readStickerExif(stickerExif(metadata)) as Record<string, string>)["sticker-pack-id"];
  expect(idOf({ pack: "A", author: "B", emojis: ["😀"] })).toBe(idOf({ pack: "A", author: "B" }));
  expect(idOf({ pack: "A", author: "B" })).not.toBe(idOf({ pack: "AB" }));
  expect(stickerExif({}).subarray(0, 14).toString("hex")).toBe("49492a00080000000100415707 00".replace(" ", ""));
  for (const broken of [Buffer.alloc(0), Buffer.alloc(40), stickerExif({}).subarray(0, 60)])
    expect(readStickerExif(broken)).toBeUndefined();
});

test("metadata has at most three emojis, and names of at most 128 characters", () => {
  const accepts = (value: object) => stickerMetadata.safeParse(value).success;
  expect(accepts({ pack: "x".repeat(128), author: "y", emojis: ["😀", "🇩🇪", "1️⃣"] })).toBe(true);
  expect(accepts({ pack: "x".repeat(129) })).toBe(false);
  expect(accepts({ author: " " })).toBe(false);
  for (const emojis of [["😀", "😀", "😀", "😀"], ["a"], ["1"], ["😀😀"], [""], [`😀${"\u200d😀".repeat(40)}`]])
    expect([emojis, accepts({ emojis })]).toEqual([emojis, false]);
});

const turned = (orientation: number, order?: "II" | "MM") => jpeg(300, 200, { orientation, ...(order && { order }) });

test("the size of a picture is read from its header, as apps show the picture", async () => {
  const sizeOf = async (bytes: Buffer) => await readPictureSize(await save(bytes));
  expect(await sizeOf(png(48))).toEqual({ width: 48, height: 48 });
  expect(await sizeOf(gif)).toEqual({ width: 1, height: 1 });
  for (const order of ["II", "MM"] as const) {
    expect(await sizeOf(turned(1, order))).toEqual({ width: 300, height: 200 });
    expect(await sizeOf(turned(6, order))).toEqual({ width: 200, height: 300 });
  }
  expect(await recognize(await save(turned(8)), "")).toMatchObject({ mimetype: "image/jpeg", width: 200, height: 300 });
});

test("a picture with a damaged header has no size, and takes no time", async () => {
  const endless = Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(1_000_000, Buffer.from([0xff, 0xe0, 0, 2]))]);
  for (const bytes of [
    endless,
    Buffer.alloc(100, 0xff),
    turned(6).subarray(0, 30),
    Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 0]),
  ])
    expect(await readPictureSize(await save(bytes))).toBeUndefined();
  for (let at = 4; at < 36; at++) {
    const broken = turned(6);
    broken[at] = 0xff;
    await expect(readPictureSize(await save(broken))).resolves.not.toThrow();
  }
});
