import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ParseJob } from "../../../session-host/media/parse-job.ts";
import { parse } from "../../../session-host/media/parser.ts";
import { Heartbeat } from "../../support/heartbeat.ts";
import { crowdedMp4, mp4 } from "../../support/media/mp4.ts";
import { oggOpus } from "../../support/media/ogg-opus.ts";
import { png } from "../../support/media/png.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-parser-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const owner = { userId: "user", instanceId: "instance" };

async function save(bytes: Buffer): Promise<string> {
  const path = join(folder, "file");
  await writeFile(path, bytes);
  return path;
}

test("usual files are recognized in a worker", async () => {
  const recognized = async (bytes: Buffer) =>
    await parse(owner, { name: "recognize", path: await save(bytes), claimed: "" });
  expect(await recognized(mp4({ video: "avc1" }))).toMatchObject({ kind: "video", seconds: 7, width: 640 });
  expect(await recognized(oggOpus(3))).toMatchObject({ kind: "audio", seconds: expect.closeTo(3, 1) });
  expect(await recognized(png(8))).toMatchObject({ kind: "image", mimetype: "image/png" });
  expect(await parse(owner, { name: "mp4", path: await save(png(8)) })).toBeUndefined();
  const path = await save(Buffer.from("<title>Tea &amp; cake</title>"));
  expect(await parse(owner, { name: "page", path, url: "http://a.example/" })).toMatchObject({ title: "Tea & cake" });
});

test("a fragmented film with thousands of boxes before its index is recognized", async () => {
  const path = await save(crowdedMp4(8000, "top"));
  expect(await parse(owner, { name: "mp4", path })).toMatchObject({ video: ["avc1"], audio: ["mp4a"] });
});

const filled = (start: string | Buffer, unit: string | Buffer, bytes: number) =>
  Buffer.concat([Buffer.from(start), Buffer.alloc(bytes, unit)]);
const mb = 1024 * 1024;
const pngStart = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const emptyChunk = Buffer.from([0, 0, 0, 0, 0x74, 0x45, 0x58, 0x74, 0, 0, 0, 0]);
/** A local header of an empty file in a ZIP archive. */
const zipEntry = Buffer.concat([
  Buffer.from("PK\u0003\u0004\u0014\0\0\0", "latin1"),
  Buffer.alloc(18),
  Buffer.from([1, 0, 0, 0, 0x61]),
]);
const ebml = Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0xff]);

const hostile: Record<string, [ParseJob["name"], () => Buffer]> = {
  "an MP4 file with 4 million boxes in its index": ["recognize", () => crowdedMp4(4_000_000, "index")],
  "an MP4 file with 4 million boxes at its top level": ["recognize", () => crowdedMp4(4_000_000, "top")],
  "an MP4 file whose boxes contain each other": [
    "recognize",
    () => filled(mp4({}, { last: false }).subarray(0, 20), Buffer.from("\0\0\0\0moov", "latin1"), 8 * mb),
  ],
  "a PNG file with a million chunks": ["recognize", () => filled(pngStart, emptyChunk, 12 * mb)],
  "a ZIP file with a million entries": ["recognize", () => filled("", zipEntry, 31 * mb)],
  "a Matroska file with a million elements": ["recognize", () => filled(ebml, Buffer.from([0xec, 0x80]), 2 * mb)],
  "an Ogg file with a million page headers": ["opus", () => filled(oggOpus(1), "OggS", 4 * mb)],
  "an MP3 file with a million wrong frames": [
    "duration",
    () => filled("", Buffer.from([0xff, 0xfb, 0x90, 0]), 16 * mb),
  ],
  "an MP3 file with a million tags": [
    "duration",
    () => filled("", Buffer.from("ID3\u0004\0\0\0\0\0\0", "latin1"), 10 * mb),
  ],
  "a page with 90,000 unfinished tags": ["page", () => filled("", "<meta ", 540_000)],
};

test.each(Object.entries(hostile))("%s doesn't block the process", async (_what, [name, make]) => {
  const path = await save(make());
  const heartbeat = new Heartbeat();
  const job = { name, path, claimed: "", url: "http://a.example/" } as ParseJob;
  const outcome = await parse(owner, job).then(
    () => "parsed",
    (error: { code: string }) => error.code,
  );
  expect(heartbeat.stop()).toBeLessThan(1000);
  expect(["parsed", "media_not_usable"]).toContain(outcome);
});

test("a crowded MP4 file is not taken for a video", async () => {
  const path = await save(crowdedMp4(20_000, "index"));
  expect(await parse(owner, { name: "recognize", path, claimed: "" })).toMatchObject({ kind: "document" });
});

test("a file that is missing is not reported as an unusable file", async () => {
  const missing = parse(owner, { name: "mp4", path: join(folder, "missing") });
  await expect(missing).rejects.toMatchObject({ code: "ENOENT" });
});

test("only the worker imports parsers of untrusted files", async () => {
  const parsers = /from "(file-type|music-metadata|.*\/(recognize|mp4|ogg|link-page)\.ts)"/;
  const importers: string[] = [];
  for (const root of ["core", "functions", "session-host", "local"]) {
    for (const file of await readdir(root, { recursive: true })) {
      if (!file.endsWith(".ts")) continue;
      const text = await readFile(join(root, file), "utf8");
      const imports = text.match(/^(import|export) (?!type )[^;]*;/gm) ?? [];
      if (imports.some((line) => parsers.test(line))) importers.push(join(root, file));
    }
  }
  // `recognize.ts` is itself a parser.
  expect(importers.sort()).toEqual(["core/media/recognize.ts", "session-host/media/parse-worker.ts"]);
});
