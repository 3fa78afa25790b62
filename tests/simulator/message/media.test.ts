import { randomBytes } from "node:crypto";
import { downloadMediaMessage, type WAMessage } from "@whiskeysockets/baileys";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Phone, WhatsApp } from "../../../simulator/index.ts";
import { png } from "../../support/media/png.ts";
import { webp } from "../../support/media/webp.ts";
import { type Client, mediaDispatcher, silenceLibsignal, strictVerification } from "../../support/simulator/client.ts";
import { endScene, startScene } from "../../support/simulator/scene.ts";
import { until } from "../../support/until.ts";

silenceLibsignal();
strictVerification();

let wa: WhatsApp;
let alice: Phone;
let bob: Phone;
let client: Client;

beforeEach(async () => {
  ({ wa, alice, bob, client } = await startScene());
  await client.pair(alice);
});

afterEach(() => endScene(wa, client));

function download(message: WAMessage): Promise<Buffer> {
  return downloadMediaMessage(message, "buffer", {
    options: { dispatcher: mediaDispatcher(wa) },
  } as never) as Promise<Buffer>;
}

test("the simulator accepts an encrypted file from a client over TLS, which the phone decrypts and verifies", async () => {
  const file = randomBytes(300_000);
  await client.sock.sendMessage(bob.lidJid, {
    document: file,
    mimetype: "application/zip",
    fileName: "a.zip",
    caption: "take this",
  });
  const received = await bob.waitFor((message) => message.kind === "document");
  expect(received).toMatchObject({ text: "take this", media: { mimetype: "application/zip", fileName: "a.zip" } });
  expect(bob.download(received)).toEqual(file);
  expect(wa.media.get(received.media?.directPath ?? "")?.includes(file.subarray(0, 64))).toBe(false);
});

test("the simulator marks a client's voice note as a voice note on the phone", async () => {
  const voice = randomBytes(4000);
  await client.sock.sendMessage(bob.lidJid, {
    audio: voice,
    ptt: true,
    mimetype: "audio/ogg; codecs=opus",
    seconds: 3,
  });
  const received = await bob.waitFor((message) => message.kind === "audio");
  expect(received.media?.ptt).toBe(true);
  expect(bob.download(received)).toEqual(voice);
});

test("both phones of a chat report a sticker that an app would not show", async () => {
  const refused: [Buffer, boolean, string][] = [
    [png(8), false, "the file is not WebP"],
    [webp(300), false, "the sticker has 300 by 300 pixels"],
    [webp(512, { filler: 102_400 }), false, "the sticker is too large"],
    [webp(512, { animated: true, frameMs: 6000 }), true, "the sticker is too large"],
    [webp(512, { animated: true }), false, "disagree about animation"],
    [Buffer.concat([webp(512), Buffer.from("PK")]), false, "the RIFF size"],
  ];
  for (const [sticker, isAnimated, problem] of refused) {
    await client.sock.sendMessage(bob.lidJid, { sticker, isAnimated });
    for (const phone of [alice, bob]) {
      const { message } = await until(async () => phone.errors.shift());
      expect(message).toContain(problem);
    }
  }
  expect(bob.inbox.messages.filter((message) => message.sticker)).toEqual([]);
  await client.sock.sendMessage(bob.lidJid, { sticker: webp(512, { animated: true }), isAnimated: true });
  const shown = await bob.waitFor((message) => message.sticker !== undefined);
  expect(shown.sticker).toEqual({ width: 512, height: 512, animated: true, seconds: 0.2, metadata: undefined });
});

test("the simulator lets a client download and decrypt a phone's media", async () => {
  const image = randomBytes(50_000);
  await bob.sendImage(alice.number, image, { caption: "look" });
  const message = await client.messages.waitFor(({ message }) => message?.imageMessage?.caption === "look");
  expect(await download(message)).toEqual(image);
});

test("the simulator fails uploads on request, one at each host, and accepts the next upload", async () => {
  wa.media.faults.upload.add(500, 2);
  const content = { document: randomBytes(100), mimetype: "a/b", fileName: "f" };
  await expect(client.sock.sendMessage(bob.lidJid, content)).rejects.toThrow("Media upload failed");
  await client.sock.sendMessage(bob.lidJid, content);
  await bob.waitFor((message) => message.kind === "document");
});

test("the simulator fails a download with the requested status", async () => {
  await bob.sendImage(alice.number, randomBytes(100), { caption: "gone" });
  const message = await client.messages.waitFor(({ message }) => message?.imageMessage?.caption === "gone");
  wa.media.faults.download.add(404);
  await expect(download(message)).rejects.toThrow("Failed to fetch stream");
});

test("the simulator has a fallback host with the files of the primary host", async () => {
  const [primary, fallback] = wa.media.hosts;
  const { hosts } = await client.sock.refreshMediaConn();
  expect(hosts.map(({ hostname }) => hostname)).toEqual([primary.hostname, fallback.hostname]);
  primary.fault = 503;
  await client.sock.sendMessage(bob.lidJid, { document: Buffer.from("around"), mimetype: "a/b", fileName: "f" });
  const received = await bob.waitFor((message) => message.kind === "document");
  expect(bob.download(received).toString()).toBe("around");
  await bob.sendImage(alice.number, Buffer.from("picture"), { caption: "look" });
  const message = await client.messages.waitFor(({ message }) => message?.imageMessage?.caption === "look");
  await expect(download(message)).rejects.toThrow("Failed to fetch stream");
  primary.fault = "cut";
  await expect(download(message)).rejects.toThrow("fetch failed");
  const { directPath = "" } = message.message?.imageMessage ?? {};
  const response = await fetch(`https://${fallback.hostname}${directPath}`, {
    dispatcher: mediaDispatcher(wa),
  } as unknown as RequestInit);
  expect(Buffer.from(await response.arrayBuffer())).toEqual(wa.media.get(directPath ?? ""));
});

test("the simulator refuses an upload with an expired token, and the client uploads with a new token", async () => {
  const token = (await client.sock.refreshMediaConn()).auth;
  expect(wa.media.acceptsToken(token)).toBe(true);
  expect(wa.media.acceptsToken(token.replace(/^\d/, "9"))).toBe(false);
  wa.media.revokeTokens();
  expect(wa.media.acceptsToken(token)).toBe(false);
  await client.sock.sendMessage(bob.lidJid, { document: Buffer.from("again"), mimetype: "a/b", fileName: "f" });
  await bob.waitFor((message) => message.kind === "document");
  expect(wa.media.counts).toMatchObject({ uploads: 1, rejected: 1 });
  wa.media.lifetimes.token = 0;
  expect(wa.media.acceptsToken(wa.media.issueToken())).toBe(false);
  wa.world.rules.relax("upload_token_expiry");
  expect(wa.media.acceptsToken(wa.media.issueToken())).toBe(true);
});

test("the simulator refuses a path without its signature, and an expired path", async () => {
  const status = async (path: string) =>
    (await fetch(wa.media.url(path), { dispatcher: mediaDispatcher(wa) } as unknown as RequestInit)).status;
  const path = wa.media.put("image", Buffer.from("a file"));
  expect(await status(path)).toBe(200);
  expect(await status(path.split("?")[0] ?? "")).toBe(403);
  wa.media.lifetimes.path = -1;
  const expired = wa.media.put("image", Buffer.from("a file"));
  expect(await status(expired)).toBe(410);
  expect(await status(expired.replace(/oe=.*/, "oe=ffffffff"))).toBe(403);
  wa.world.rules.relax("media_path_expiry");
  expect(await status(expired)).toBe(200);
  wa.world.rules.relax("media_path_signature");
  expect(await status(path.split("?")[0] ?? "")).toBe(200);
});
