import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attachment, fileName, inventedName, nameOfAttachment } from "../../../core/media/filename.ts";
import { planFor, type Recognized } from "../../../core/media/kind.ts";
import { readMp4 } from "../../../core/media/mp4.ts";
import { readOggOpus } from "../../../core/media/ogg.ts";
import { recognize } from "../../../core/media/recognize.ts";
import { readWebP } from "../../../core/media/webp.ts";
import { mp4 } from "../../support/media/mp4.ts";
import { oggOpus } from "../../support/media/ogg-opus.ts";
import { png } from "../../support/media/png.ts";
import { gif, webp } from "../../support/media/webp.ts";

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-kind-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function save(bytes: Buffer): Promise<string> {
  const path = join(folder, String(count++));
  await writeFile(path, bytes);
  return path;
}
const recognized = async (bytes: Buffer, claimed = "", filename = "") =>
  await recognize(await save(bytes), claimed, filename);

test.each([0.5, 3, 61.25])("the duration of an Ogg/Opus file of %d s is read from its last page", async (seconds) => {
  const bytes = oggOpus(seconds);
  expect((await readOggOpus(await save(bytes)))?.seconds).toBeCloseTo(seconds, 3);
  expect(await recognized(bytes)).toMatchObject({ kind: "audio", mimetype: "audio/ogg; codecs=opus" });
  // Bytes after the end, as in a download that was cut and joined, don't hide the last page.
  const more = Buffer.concat([bytes, Buffer.alloc(1000, "OggS")]);
  expect((await readOggOpus(await save(more)))?.seconds).toBeCloseTo(seconds, 3);
});

test("an Ogg file that is not Opus or is truncated is not a voice note", async () => {
  expect(await readOggOpus(await save(Buffer.from("OggS")))).toBeUndefined();
  expect(await readOggOpus(await save(oggOpus(1).subarray(0, 40)))).toBeUndefined();
  const vorbis = oggOpus(1);
  vorbis.write("\u0001vorbis", 28, "latin1");
  expect(await recognized(vorbis)).toMatchObject({ kind: "document", convertible: "audio" });
});

test.each([
  ["its index is last", { last: true }],
  ["its index is first", { last: false }],
])("the duration and dimensions of an MP4 are read, whether %s", async (_name, options) => {
  const bytes = mp4({ video: "avc1", audio: "mp4a" }, { seconds: 12, ...options });
  const found = { seconds: 12, width: 640, height: 360 };
  expect(await readMp4(await save(bytes))).toEqual({ brand: "isom", video: ["avc1"], audio: ["mp4a"], ...found });
  expect(await recognized(bytes)).toMatchObject({ kind: "video", mimetype: "video/mp4", ...found });
});

test("a rotated video has the dimensions at which it is displayed", async () => {
  const bytes = mp4({ video: "avc1" }, { turned: true });
  expect(await recognized(bytes)).toMatchObject({ kind: "video", width: 360, height: 640 });
});

test.each([
  ["H.264 without sound", { video: "avc1" }, "isom", "video", "video"],
  ["HEVC", { video: "hvc1", audio: "mp4a" }, "isom", "document", "video"],
  ["H.264 with AC-3", { video: "avc1", audio: "ac-3" }, "isom", "document", "video"],
  ["H.264 in QuickTime", { video: "avc1", audio: "mp4a" }, "qt  ", "document", "video"],
  ["AAC alone", { audio: "mp4a" }, "M4A ", "audio", "audio"],
  ["ALAC alone", { audio: "alac" }, "M4A ", "document", "audio"],
] as const)(
  "whether WhatsApp plays %s depends on its codecs and container",
  async (_name, tracks, brand, kind, convertible) => {
    expect(await recognized(mp4(tracks, { brand }))).toMatchObject({ kind, convertible });
  },
);

test("an MP4 box with an invalid size ends the parsing without an error", async () => {
  const whole = mp4({ video: "avc1" });
  for (let at = 0; at < whole.length - 5100; at += 3) {
    const broken = Buffer.from(whole);
    broken.writeUInt32BE(at % 2 === 0 ? 0xffff_fff0 : 1, at);
    await readMp4(await save(broken));
  }
  expect(await readMp4(await save(whole.subarray(0, 5100)))).toBeUndefined();
});

test("the declared content type is used only for text", async () => {
  expect(await recognized(Buffer.from("a,b"), "text/csv; charset=utf-8")).toMatchObject({ mimetype: "text/csv" });
  expect(await recognized(Buffer.from("a,b"), "video/mp4")).toMatchObject({ mimetype: "application/octet-stream" });
  expect(await recognized(png(8), "video/mp4")).toMatchObject({ kind: "image", mimetype: "image/png" });
});

test("a file is converted if it can become the requested kind, and rejected otherwise", () => {
  const base = { demuxer: "x", h264: false };
  const opus: Recognized = { ...base, mimetype: "audio/ogg; codecs=opus", kind: "audio", convertible: "audio" };
  const mp3: Recognized = { ...base, mimetype: "audio/mpeg", kind: "audio", convertible: "audio" };
  const webm: Recognized = { ...base, mimetype: "video/webm", kind: "document", convertible: "video" };
  const pdf: Recognized = { ...base, mimetype: "application/pdf", kind: "document", convertible: null };
  expect(planFor(opus, { voice: true })).toMatchObject({ kind: "audio", voice: true, convert: null, required: false });
  expect(planFor(mp3, { voice: true })).toMatchObject({ kind: "audio", convert: "opus", required: true });
  expect(planFor(mp3, {})).toMatchObject({ kind: "audio", voice: false, convert: null });
  expect(planFor(webm, {})).toMatchObject({ kind: "video", convert: "mp4", required: false });
  expect(planFor(webm, { kind: "video" })).toMatchObject({ convert: "mp4", required: true });
  expect(planFor(webm, { kind: "document" })).toMatchObject({ kind: "document", convert: null });
  for (const wanted of [{ voice: true }, { kind: "image" as const }, { kind: "video" as const }]) {
    expect(() => planFor(pdf, wanted)).toThrow(expect.objectContaining({ code: "media_not_usable" }));
  }
  expect(() => planFor(opus, { kind: "image" })).toThrow(expect.objectContaining({ code: "media_not_usable" }));
});

test("a GIF becomes a video that plays like a GIF, and pictures, GIFs and videos become stickers", async () => {
  const animation = await recognized(gif);
  const picture = await recognized(png(8));
  const sticker = await recognized(webp(512, { animated: true }));
  const film = await recognized(mp4({ video: "avc1", audio: "mp4a" }, { seconds: 7 }));
  expect(planFor(animation, {})).toMatchObject({ kind: "video", gif: true, convert: "mp4", required: false });
  for (const kind of ["image", "video"] as const)
    expect(planFor(animation, { kind })).toMatchObject({ kind: "video", gif: true, convert: "mp4", required: true });
  expect(planFor(animation, { kind: "document" })).toMatchObject({ kind: "document", gif: false, convert: null });
  expect(planFor(film, { gif: true })).toMatchObject({ kind: "video", gif: true, round: false, convert: null });
  expect(planFor(film, { round: true })).toMatchObject({ kind: "video", gif: false, round: true, convert: "square" });
  const square = { ...film, width: 480, height: 480 };
  expect(planFor(square, { round: true })).toMatchObject({ round: true, convert: null });
  expect(planFor({ ...square, seconds: 61 }, { round: true })).toMatchObject({ round: true, convert: "square" });
  for (const file of [animation, picture, film])
    expect(planFor(file, { kind: "sticker" })).toMatchObject({ kind: "sticker", convert: "webp", required: true });
  expect(sticker).toMatchObject({ kind: "image", width: 512, height: 512, animated: true });
  expect(planFor(sticker, { kind: "sticker" })).toMatchObject({ kind: "sticker", convert: null });
  const refused = expect.objectContaining({ code: "media_not_usable" });
  for (const wanted of [{ voice: true }, { kind: "audio" as const }])
    expect(() => planFor(animation, wanted)).toThrow(refused);
  for (const wanted of [{ round: true }, { gif: true }]) expect(() => planFor(picture, wanted)).toThrow(refused);
});

test("the size of a WebP picture is read from each kind of header, and a damaged header has none", async () => {
  const size = { width: 300, height: 200, animated: false };
  const lossy = Buffer.concat([Buffer.from("RIFF\0\0\0\0WEBPVP8 "), Buffer.alloc(14)]);
  lossy.writeUInt16LE(300, 26);
  lossy.writeUInt16LE(200, 28);
  expect(await readWebP(await save(lossy))).toMatchObject(size);
  const lossless = Buffer.concat([Buffer.from("RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f"), Buffer.alloc(9)]);
  lossless.writeUInt32LE(299 | (199 << 14), 21);
  expect(await readWebP(await save(lossless))).toMatchObject(size);
  for (const bytes of [webp(8).subarray(0, 20), Buffer.alloc(40), Buffer.from("RIFF\0\0\0\0WEBPxxxx".padEnd(40, " "))])
    expect(await readWebP(await save(bytes))).toBeUndefined();
});

test.each([
  ["C:\\Users\\ann\\отчёт 2026.pdf", "отчёт 2026.pdf"],
  ["../../etc/passwd", "passwd"],
  ["영수증 🧾.png", "영수증 🧾.png"],
])("a file name keeps its letters and loses its folders: %s", (given, kept) => {
  expect(fileName.parse(given)).toBe(kept);
  expect(nameOfAttachment(attachment(kept))).toBe(kept);
});

test.each(["", "..", "a/", "a\nb", "a\u0000.png", "exe\u202egpj.png", "x".repeat(256)])(
  "a misleading file name is rejected: %j",
  (given) => {
    expect(fileName.safeParse(given).success).toBe(false);
  },
);

test("a Content-Disposition header is one line of ASCII for every file name", () => {
  for (const name of ['a"b\\c.png', "отчёт.pdf", "a;b='(c)*.txt", "\ud800.png"]) {
    expect(attachment(name)).toMatch(/^attachment; filename="[^"\\]*"; filename\*=UTF-8''[\w.%~!-]+$/);
  }
  expect(inventedName("3EB0/1", "image/jpeg")).toBe("3EB0_1.jpg");
  expect(inventedName("x", 'text/html"; x')).toBe("x.bin");
});

const zip = Buffer.from(
  "UEsDBAoAAAAAAAAAIQBj8fJ1AwAAAAMAAAAFAAAAYS5iaW54eXpQSwECFAAKAAAAAAAAACEAY/HydQMAAAADAAAABQAAAAAAAAAAAAAAAAAAAAAAYS5iaW5QSwUGAAAAAAEAAQAzAAAAJgAAAAAA",
  "base64",
);
const compound = Buffer.concat([Buffer.from("d0cf11e0a1b11ae1", "hex"), Buffer.alloc(1024)]);
const text = Buffer.from("a;b\n1;2\n");
const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from("a;b", "utf16le")]);

test.each([
  ["list.csv", text, "", "text/csv"],
  ["list.CSV", text, "application/octet-stream", "text/csv"],
  ["from Excel.csv", utf16, "text/plain; charset=utf-16", "text/csv"],
  ["data.json", Buffer.from('{"a":1}'), "", "application/json"],
  ["person.vcf", Buffer.from("BEGIN:VCARD\nEND:VCARD"), "", "text/vcard"],
  ["notes.md", Buffer.from("# Notes"), "text/plain", "text/markdown"],
  ["notes.txt", text, "", "text/plain"],
  ["day.ics", Buffer.from("BEGIN:VCALENDAR"), "", "text/calendar"],
  ["letter.docx", zip, "application/zip", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
  ["table.xlsx", zip, "", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"],
  ["letter.doc", compound, "", "application/msword"],
  // The server's statement is more exact than the name.
  ["list.txt", text, "text/csv", "text/csv"],
])("the name tells the type of %s, whose content doesn't", async (name, bytes, claimed, mimetype) => {
  expect(await recognized(bytes, claimed, name)).toMatchObject({ mimetype, kind: "document" });
});

test.each([
  ["a picture", "list.csv", png(8), "image/png"],
  ["a ZIP file", "list.csv", zip, "application/zip"],
  ["a ZIP file of another kind", "archive.zip", zip, "application/zip"],
  ["bytes that are no text", "list.csv", Buffer.from([1, 0, 2, 3]), "application/octet-stream"],
  ["text without a known extension", "list.constructor", text, "application/octet-stream"],
  ["text with the name of a document", "letter.docx", text, "application/octet-stream"],
])("the name doesn't make %s something else", async (_what, name, bytes, mimetype) => {
  expect((await recognized(bytes, "", name)).mimetype).toBe(mimetype);
});
