import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMp4 } from "../../core/media/mp4.ts";
import { readOggOpus } from "../../core/media/ogg.ts";
import type { Phone } from "../../simulator/index.ts";
import { type Answer, startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";

let folder: string;
let gate: TestGateway;
let bob: Phone;
let instance: string;
let unlinked: string;
let work: string;
const { TMPDIR } = process.env;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-convert-"));
  gate = await startTestGateway();
  const owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  instance = await gate.linked(owner, "gateway");
  unlinked = await gate.createInstance("gateway");
  // A temporary folder that only the gateway uses.
  work = await mkdtemp(join(folder, "work-"));
  process.env.TMPDIR = work;
});
afterAll(async () => {
  if (TMPDIR === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = TMPDIR;
  await gate?.stop();
  await rm(folder, { recursive: true, force: true });
});

const film = ["-f", "lavfi", "-i", "testsrc=size=321x241:rate=10:duration=3"];
const sound = ["-f", "lavfi", "-i", "sine=duration=3"];

/** Creates a media file with ffmpeg. */
async function createMedia(name: string, ...args: string[]): Promise<Buffer> {
  const path = join(folder, name);
  execFileSync("ffmpeg", ["-nostdin", "-loglevel", "error", "-y", ...args, path]);
  return await readFile(path);
}

const convert = (into: "voice" | "video", body: object, id = instance): Promise<Answer> =>
  gate.api("POST", `/api/media/${id}/convert/${into}`, { body });
const inline = (bytes: Buffer) => ({ base64: bytes.toString("base64") });
const errorOf = ({ status, body }: Answer) => [status, body.code];

async function upload(bytes: Buffer): Promise<string> {
  const ticket = (await gate.api("POST", `/api/whatsapp/${instance}/uploads`, { body: { size: bytes.length } })).body;
  await fetch(ticket.url, { method: "PUT", headers: ticket.headers, body: new Uint8Array(bytes) });
  return ticket.uploadId;
}

/** Downloads a converted file and returns its path. */
async function download(answer: Answer): Promise<string> {
  expect(answer.status).toBe(200);
  const { url, size, mimeType } = answer.body.data;
  const response = await fetch(url);
  expect(response.headers.get("content-type")).toBe(mimeType);
  const path = join(folder, "downloaded");
  await writeFile(path, Buffer.from(await response.arrayBuffer()));
  expect((await readFile(path)).length).toBe(size);
  return path;
}

test.each([
  ["a.mp3", []],
  ["a.wav", ["-ac", "2"]],
  ["a.m4a", []],
])("%s is converted to a mono voice note that reaches a phone", async (name, args) => {
  const answer = await convert("voice", { filePath: await upload(await createMedia(name, ...sound, ...args)) });
  expect(answer.body.data).toMatchObject({ fileName: "file.ogg", mimeType: "audio/ogg; codecs=opus" });
  expect(answer.body.data.duration).toBeCloseTo(3, 1);
  const path = await download(answer);
  expect((await readOggOpus(path))?.channels).toBe(1);
  const body = { instanceId: instance, to: bob.number, audio: answer.body.data.filePath };
  const sent = (await gate.api("POST", "/api/message/send/voice", { body })).body.data.messageId;
  const arrived = await bob.waitFor((message) => message.id === sent);
  expect(arrived).toMatchObject({ kind: "audio", media: { ptt: true, seconds: 3 } });
  expect(bob.download(arrived).equals(await readFile(path))).toBe(true);
});

test("stereo Opus and the sound of a video are converted to voice notes", async () => {
  const stereo = await createMedia("s.ogg", ...sound, "-ac", "2", "-c:a", "libopus");
  const videoWithSound = await createMedia("s.webm", ...film, ...sound, "-c:v", "libvpx", "-c:a", "libopus");
  for (const bytes of [stereo, videoWithSound]) {
    const path = await download(await convert("voice", inline(bytes), unlinked));
    expect(await readOggOpus(path)).toMatchObject({ channels: 1, seconds: expect.closeTo(3, 1) });
  }
});

test.each([
  ["a.avi", [...film, ...sound, "-c:v", "mpeg4"]],
  ["a.webm", [...film, "-c:v", "libvpx"]],
  ["a.3gp", [...film, "-vf", "crop=320:240", "-pix_fmt", "yuv420p", "-c:v", "libx264"]],
])("%s is converted to an H.264 MP4 that reaches a phone", async (name, args) => {
  const answer = await convert("video", { ...inline(await createMedia(name, ...args)), mimeType: "video/x-msvideo" });
  expect(answer.body.data).toMatchObject({ fileName: "file.mp4", mimeType: "video/mp4" });
  expect(answer.body.data.duration).toBeCloseTo(3, 0);
  const path = await download(answer);
  expect(await readMp4(path)).toMatchObject({ video: ["avc1"], width: 320 });
  const body = { instanceId: instance, to: bob.number, video: answer.body.data.filePath };
  const sent = (await gate.api("POST", "/api/message/send/video", { body })).body.data.messageId;
  const arrived = await bob.waitFor((message) => message.id === sent);
  expect(arrived).toMatchObject({ kind: "video", media: { mimetype: "video/mp4", seconds: 3 } });
  expect(bob.download(arrived).equals(await readFile(path))).toBe(true);
});

test("concurrent conversions all succeed, leave no files, and don't block a text", async () => {
  const videoWithSound = await createMedia("m.webm", ...film, ...sound, "-c:v", "libvpx", "-c:a", "libopus");
  const answers = Promise.all(Array.from({ length: 4 }, () => convert("voice", inline(videoWithSound), unlinked)));
  const body = { instanceId: instance, to: bob.number, message: "meanwhile" };
  const sent = (await gate.api("POST", "/api/message/send/text", { body })).body.data.messageId;
  await bob.waitFor((message) => message.id === sent);
  expect((await answers).map(({ status }) => status)).toEqual(Array(4).fill(200));
  expect(await readdir(work)).toEqual([]);
});

describe("a hostile file", () => {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? "");
    response.end("x");
  });
  let origin: string;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await writeFile(join(folder, "secret.wav"), await createMedia("secret.wav", ...sound));
  });
  afterAll(() => void server.close());

  test("can't make ffmpeg read another file or contact another host", async () => {
    const lists = (target: string) => [
      `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${target}\n#EXT-X-ENDLIST\n`,
      `ffconcat version 1.0\nfile '${target}'\n`,
      `[playlist]\nFile1=${target}\n`,
      `<?xml version="1.0"?><MPD><Period><BaseURL>${target}</BaseURL></Period></MPD>`,
      `v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\na=control:${target}\n`,
    ];
    const secret = join(folder, "secret.wav");
    for (const target of [`file://${secret}`, secret, `${origin}/stolen.ts`]) {
      for (const list of lists(target)) {
        for (const into of ["voice", "video"] as const) {
          const answer = await convert(into, { ...inline(Buffer.from(list)), mimeType: "application/x-mpegURL" });
          expect(errorOf(answer)).toEqual([400, "media_not_usable"]);
        }
      }
    }
    expect(requests).toEqual([]);
  });

  test("that only looks like audio or video gets 400 without details of the server", async () => {
    const whole = await createMedia("b.webm", ...film, "-c:v", "libvpx");
    const broken = Buffer.concat([whole.subarray(0, 300), Buffer.alloc(2000, 7)]);
    for (const into of ["voice", "video"] as const) {
      const answer = await convert(into, inline(broken));
      expect(errorOf(answer)).toEqual([400, "media_not_usable"]);
      expect(answer.body.details).toBe("the file could not be converted: it is damaged or in an unknown format");
    }
  });
});
