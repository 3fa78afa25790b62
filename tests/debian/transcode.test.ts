import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMp4 } from "../../core/media/mp4.ts";
import { readOggOpus } from "../../core/media/ogg.ts";
import { recognize } from "../../core/media/recognize.ts";
import { digestOf } from "../../core/media/spool.ts";
import { openStorage } from "../../core/storage/index.ts";
import { prepareFile } from "../../session-host/media/prepare-file.ts";
import { restClient } from "../support/gateway/rest-client.ts";
import { startTestGateway } from "../support/gateway/test-gateway.ts";
import { hugePng, png } from "../support/media/png.ts";

let folder: string;
const owner = { userId: "user", instanceId: "instance" };
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-ffmpeg-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const film = ["-f", "lavfi", "-i", "testsrc=size=321x241:rate=10:duration=3"];
const sound = ["-f", "lavfi", "-i", "sine=duration=3"];

/** Creates a media file with ffmpeg and returns its path. */
function createMedia(name: string, ...args: string[]): string {
  const path = join(folder, name);
  execFileSync("ffmpeg", ["-nostdin", "-loglevel", "error", "-y", ...args, path]);
  return path;
}
const spooled = async (path: string, filename: string) => ({
  ...(await digestOf(path)),
  path,
  filename,
  claimed: "",
});

test.each([
  ["a.webm", [...film, ...sound, "-c:v", "libvpx", "-c:a", "libopus"]],
  ["a.mkv", [...film, "-vf", "crop=320:240", "-pix_fmt", "yuv420p", "-c:v", "libx264"]],
  ["a.mov", [...film, ...sound, "-vf", "crop=320:240", "-pix_fmt", "yuv420p", "-c:v", "libx264"]],
  ["a.avi", [...film, "-c:v", "mpeg4"]],
])("%s becomes a playable video of the same length with a preview", async (name, args) => {
  const file = await prepareFile(owner, await spooled(createMedia(name, ...args), name), {});
  expect(file).toMatchObject({ kind: "video", mimetype: "video/mp4", filename: "a.mp4", seconds: 3 });
  expect(file.width).toBe(320);
  expect(file.height).toBe(240);
  expect(file.thumbnail?.subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
  const content = await readMp4(file.path);
  expect(content?.video).toEqual(["avc1"]);
  expect(await digestOf(file.path)).toEqual({ size: file.size, sha256: file.sha256 });
});

test.each([
  ["a.mp3", []],
  ["a.m4a", []],
  ["a.wav", []],
  ["a.flac", []],
  ["v.ogg", ["-c:a", "libvorbis"]],
])("%s becomes a voice note with its duration and waveform", async (name, args) => {
  const file = await prepareFile(owner, await spooled(createMedia(name, ...sound, ...args), name), { voice: true });
  expect(file).toMatchObject({ kind: "audio", voice: true, mimetype: "audio/ogg; codecs=opus", seconds: 3 });
  expect((await readOggOpus(file.path))?.seconds).toBeCloseTo(3, 1);
  expect(file.waveform).toHaveLength(64);
  expect(Math.max(...(file.waveform ?? []))).toBe(100);
});

test("an MP3 file that is sent as audio has its duration", async () => {
  const path = createMedia("d.mp3", ...sound);
  const file = await prepareFile(owner, await spooled(path, "d.mp3"), { kind: "audio" });
  expect(file).toMatchObject({ kind: "audio", voice: false, mimetype: "audio/mpeg", seconds: 3, path });
});

test("a voice note in Opus stays unchanged, and its waveform follows its loudness", async () => {
  const path = createMedia("a.ogg", ...sound, "-af", "volume='if(lt(t,1.5),0,1)':eval=frame", "-c:a", "libopus");
  const before = await digestOf(path);
  const file = await prepareFile(owner, await spooled(path, "a.ogg"), { voice: true });
  expect(file).toMatchObject({ ...before, path, seconds: 3 });
  const waves = [...(file.waveform ?? [])];
  expect(Math.max(...waves.slice(0, 28))).toBeLessThan(10);
  expect(Math.min(...waves.slice(36, 63))).toBeGreaterThan(50);
});

describe("an untrusted file", () => {
  test("whose picture has too many pixels is not decoded, and is sent without a preview", async () => {
    const path = join(folder, "huge.png");
    const send = async (side: number) => {
      await writeFile(path, hugePng(side));
      return await prepareFile(owner, await spooled(path, "huge.png"), {});
    };
    expect((await send(4000)).thumbnail?.subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
    const huge = await send(16_000);
    expect(huge).toMatchObject({ kind: "image", path });
    expect(huge.thumbnail).toBeUndefined();
    // 256 million pixels in a file of some kilobytes.
    expect(huge.size).toBeLessThan(50_000);
  });

  test("that only looks like a video is sent as a document and fails if a video was requested", async () => {
    const path = join(folder, "broken");
    const whole = await readFile(createMedia("b.webm", ...film, "-c:v", "libvpx"));
    await writeFile(path, Buffer.concat([whole.subarray(0, 300), Buffer.alloc(2000, 7)]));
    expect(await prepareFile(owner, await spooled(path, "b.webm"), {})).toMatchObject({ kind: "document", path });
    const asVideo = prepareFile(owner, await spooled(path, "b.webm"), { kind: "video" });
    await expect(asVideo).rejects.toMatchObject({ code: "media_not_usable" });
  });

  test("can't make ffmpeg read another file or contact another host", async () => {
    await writeFile(join(folder, "secret.txt"), "secret");
    for (const text of [
      `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://${folder}/secret.txt\n#EXT-X-ENDLIST\n`,
      `ffconcat version 1.0\nfile ${folder}/a.mp3\n`,
    ]) {
      const path = join(folder, "list");
      await writeFile(path, text);
      expect((await recognize(path, "video/mp4")).demuxer).toBeNull();
      await expect(prepareFile(owner, await spooled(path, "a.mp4"), { voice: true })).rejects.toMatchObject({
        code: "media_not_usable",
      });
    }
  });
});

test("a picture reaches the phone with a preview, and a video and a voice note with their kind and length", async () => {
  const gate = await startTestGateway();
  const storage = openStorage(gate.gateway.config);
  try {
    const owner = await gate.wa.addPhone({ number: "4915550000010", pushName: "Owner" });
    const bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
    const id = await gate.linked(owner);
    const client = restClient(gate, "multi-instance", id);
    const send = async (bytes: Buffer, more: object = {}) => {
      const ticket = (await gate.api("POST", `/api/whatsapp/${id}/uploads`, { body: { size: bytes.length } })).body;
      await fetch(ticket.url, { method: "PUT", headers: ticket.headers, body: new Uint8Array(bytes) });
      const body = { phone: bob.number, uploadId: ticket.uploadId, ...more };
      const sent = (await gate.api("POST", `/api/whatsapp/${id}/send-media`, { body })).body.id;
      const { data } = (await client.reported("sent", sent)).body;
      expect(data.hasMedia).toBe(true);
      return await bob.waitFor((message) => message.id === sent);
    };
    const jpeg = Buffer.from([0xff, 0xd8]);
    const picture = await send(png(64));
    expect(Buffer.from(picture.media?.thumbnail ?? []).subarray(0, 2)).toEqual(jpeg);
    const video = await send(await readFile(createMedia("c.webm", ...film, ...sound, "-c:v", "libvpx")));
    expect(video).toMatchObject({ kind: "video", media: { mimetype: "video/mp4", seconds: 3, width: 320 } });
    expect(Buffer.from(video.media?.thumbnail ?? []).subarray(0, 2)).toEqual(jpeg);
    const voiceNote = await send(await readFile(createMedia("c.mp3", ...sound)), { asVoice: true });
    expect(voiceNote.media).toMatchObject({ ptt: true, mimetype: "audio/ogg; codecs=opus", seconds: 3 });
    expect(voiceNote.media?.waveform).toHaveLength(64);
  } finally {
    storage.client.destroy();
    await gate.stop();
  }
});
