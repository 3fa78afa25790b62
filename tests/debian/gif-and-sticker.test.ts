import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMp4 } from "../../core/media/mp4.ts";
import { readWebP } from "../../core/media/webp.ts";
import type { Phone } from "../../simulator/index.ts";
import type { InboxMessage } from "../../simulator/phone/mailbox/inbox.ts";
import { expectNoComplaints } from "../support/gateway/complaints.ts";
import { type LinkedInstance, linkBothDialects } from "../support/gateway/linked-gateway.ts";
import { dialects } from "../support/gateway/rest-client.ts";
import { type Dialect, startTestGateway, type TestGateway } from "../support/gateway/test-gateway.ts";
import { png } from "../support/media/png.ts";

let gate: TestGateway;
let bob: Phone;
let sides: Record<Dialect, LinkedInstance>;
let folder: string;
const files: Record<string, Buffer> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchboard-gif-"));
  const film = (size: string, seconds: number) => [
    "-f",
    "lavfi",
    "-i",
    `testsrc=size=${size}:rate=10:duration=${seconds}`,
  ];
  const h264 = ["-pix_fmt", "yuv420p", "-c:v", "libx264"];
  await create("a.gif", ...film("121x81", 2));
  await create("wide.mp4", ...film("320x240", 3), ...h264);
  await create("square.mp4", ...film("240x240", 3), ...h264);
  await create("long.webm", ...film("64x48", 64), "-c:v", "libvpx", "-deadline", "realtime");
  await create("large.webp", ...film("700x300", 1), "-frames:v", "1", "-c:v", "libwebp", "-lossless", "1");
  const detailed = ["-f", "lavfi", "-i", "mandelbrot=size=320x240:rate=10"];
  await create("detailed.mp4", ...detailed, "-t", "12", ...h264);
  await create("a.webp", ...film("512x512", 1), "-frames:v", "1", "-c:v", "libwebp");
  files["a.png"] = png(64);
  files["noise.png"] = png(900);
  gate = await startTestGateway();
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  sides = await linkBothDialects(gate);
});
afterAll(async () => {
  await gate?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function create(name: string, ...args: string[]): Promise<void> {
  const path = join(folder, name);
  execFileSync("ffmpeg", ["-nostdin", "-loglevel", "error", "-y", ...args, path]);
  files[name] = await readFile(path);
}

describe.each(dialects)("in the %s dialect", (dialect) => {
  /** Sends the file, and returns the message as the recipient's phone has it. `how` is an option of both dialects. */
  async function send(name: string, how: "image" | "video" | "asGif" | "asRound" | "asSticker"): Promise<InboxMessage> {
    const { client } = sides[dialect];
    const isImage = how === "image" || (how === "asSticker" && /\.(png|webp|gif)$/.test(name));
    const body = (files[name] ?? Buffer.alloc(0)).toString("base64");
    if (dialect === "multi-instance") {
      const ticket = await gate.api("POST", `/api/whatsapp/${client.instance}/uploads`, {
        body: { size: files[name]?.length },
      });
      const { url, headers, uploadId } = ticket.body;
      await fetch(url, { method: "PUT", headers, body: new Uint8Array(files[name] ?? []) });
      const option =
        how === "asSticker" ? { type: "sticker" } : how === "video" || how === "image" ? {} : { [how]: true };
      const { body: answer } = await gate.api("POST", `/api/whatsapp/${client.instance}/send-media`, {
        body: { phone: bob.number, uploadId, ...option },
      });
      return await arrived(answer.id);
    }
    const option = how === "image" || how === "video" ? {} : { [how]: true };
    const { body: answer } = await gate.api("POST", `/api/message/send/${isImage ? "image" : "video"}`, {
      body: { instanceId: client.instance, to: bob.number, [isImage ? "image" : "video"]: body, ...option },
    });
    return await arrived(answer.data?.messageId);
  }

  async function arrived(id: string): Promise<InboxMessage> {
    expect(id).toBeTruthy();
    const message = await bob.waitFor((one) => one.id === id, { timeoutMs: 60_000 });
    const { client } = sides[dialect];
    const { data } = (await client.reported("sent", id)).body;
    const type = message.kind === "ptv" ? "video" : message.kind;
    expect(data).toMatchObject({ type, media: { mimetype: message.media?.mimetype } });
    expect(await client.inHistory(bob.number, id, "delivered")).toMatchObject({ type, hasMedia: true });
    return message;
  }

  async function downloaded(message: InboxMessage): Promise<string> {
    const path = join(folder, message.id);
    await writeFile(path, bob.download(message));
    return path;
  }

  test.each(["image", "video"] as const)("a GIF that is sent as %s plays like a GIF", async (how) => {
    const message = await send("a.gif", how);
    expect(message.message.videoMessage).toMatchObject({ gifPlayback: true, mimetype: "video/mp4", seconds: 2 });
    expect((await readMp4(await downloaded(message)))?.video).toEqual(["avc1"]);
  });

  test("a video that is sent as a GIF is not converted", async () => {
    const message = await send("wide.mp4", "asGif");
    expect(message.message.videoMessage).toMatchObject({ gifPlayback: true });
    expect(bob.download(message).equals(files["wide.mp4"] ?? Buffer.alloc(0))).toBe(true);
  });

  test.each([
    ["a GIF", "a.gif", "image", { videoMessage: { gifPlayback: true } }],
    ["a sticker", "a.gif", "asSticker", { stickerMessage: { isAnimated: true, width: 512 } }],
    ["a round video", "square.mp4", "asRound", { ptvMessage: { width: 240 } }],
  ] as const)("%s that is forwarded stays the same", async (_name, file, how, expected) => {
    const { client } = sides[dialect];
    const { id: messageId } = await send(file, how);
    const body = { instanceId: client.instance, to: bob.number, messageId };
    const answer = await gate.api("POST", "/api/message/forward", { body });
    expect((await arrived(answer.body.data?.messageId)).message).toMatchObject(expected);
  });

  test("a round video is square, and a square video is not converted", async () => {
    const message = await send("wide.mp4", "asRound");
    expect(message).toMatchObject({ kind: "ptv", message: { ptvMessage: { seconds: 3, width: 240, height: 240 } } });
    expect(await readMp4(await downloaded(message))).toMatchObject({ video: ["avc1"], width: 240, height: 240 });
    const square = await send("square.mp4", "asRound");
    expect(square.kind).toBe("ptv");
    expect(bob.download(square).equals(files["square.mp4"] ?? Buffer.alloc(0))).toBe(true);
  });

  test("a round video ends after a minute", async () => {
    expect((await send("long.webm", "asRound")).message.ptvMessage).toMatchObject({
      seconds: 60,
      width: 48,
      height: 48,
    });
  });

  test.each([
    ["a picture", "a.png", false],
    ["a WebP picture", "a.webp", false],
    ["a GIF", "a.gif", true],
    ["a video", "wide.mp4", true],
  ])("%s is sent as a sticker", async (_name, file, animated) => {
    const message = await send(file, "asSticker");
    const expected = { mimetype: "image/webp", width: 512, height: 512, isAnimated: animated };
    expect(message.message.stickerMessage).toMatchObject(expected);
    expect(await readWebP(await downloaded(message))).toEqual({
      width: 512,
      height: 512,
      animated,
      notSticker: null,
    });
  });

  test.each([
    ["a noisy picture", "noise.png", false, 100_000],
    ["a large WebP picture", "large.webp", false, 100_000],
    ["a detailed video of more than 10 s", "detailed.mp4", true, 500_000],
  ])("%s becomes a sticker within the limits of WhatsApp's apps", async (_name, file, animated, limit) => {
    const message = await send(file, "asSticker");
    expect(message.sticker).toMatchObject({ width: 512, height: 512, animated });
    expect(message.sticker?.seconds).toBeLessThanOrEqual(10);
    const size = bob.download(message).length;
    expect(size).toBeGreaterThan(4000);
    expect(size).toBeLessThanOrEqual(limit);
  });
});

test("WhatsApp and the phones report no error", () => {
  expectNoComplaints(gate.wa);
});
