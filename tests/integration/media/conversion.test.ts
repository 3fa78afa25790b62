import { createHash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import { type Answer, startTestGateway, type TestGateway } from "../../support/gateway/test-gateway.ts";
import { jpeg } from "../../support/media/jpeg.ts";
import { mp4 } from "../../support/media/mp4.ts";
import { oggOpus } from "../../support/media/ogg-opus.ts";
import { pdf } from "../../support/media/pdf.ts";
import { hugePng, png } from "../../support/media/png.ts";
import { gif, webp } from "../../support/media/webp.ts";
import { until } from "../../support/until.ts";

let gate: TestGateway;
let owner: Phone;
let bob: Phone;
/** A connected instance, and one that was never linked. */
let instance: string;
let unlinked: string;
const { PATH } = process.env;

const voice = oggOpus(3);
const video = mp4({ video: "avc1", audio: "mp4a" });
/** Files that only ffmpeg could convert: two channels, and a video codec that WhatsApp does not play. */
const stereo = stereoOf(voice);
const foreign = mp4({ video: "hvc1" });

beforeAll(async () => {
  gate = await startTestGateway();
  owner = await gate.wa.addPhone({ number: "4915550000001", pushName: "Owner" });
  bob = await gate.wa.addPhone({ number: "4915550000002", pushName: "Bob" });
  instance = await gate.linked(owner, "gateway");
  unlinked = await gate.createInstance("gateway");
  // These tests run without ffmpeg. `tests/debian` has the tests with ffmpeg.
  process.env.PATH = "";
});
afterAll(async () => {
  if (PATH !== undefined) process.env.PATH = PATH;
  for (const phone of gate?.wa.phones ?? []) expect(phone.errors).toEqual([]);
  await gate?.stop();
});

type Into = "voice" | "video";
const convert = (into: Into, body: object, id = instance, headers: Record<string, string> = {}): Promise<Answer> =>
  gate.api("POST", `/api/media/${id}/convert/${into}`, { body, headers });
const refused = ({ status, body }: Answer) => [status, body.success, body.code];
const base64 = (bytes: Buffer) => bytes.toString("base64");
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

async function upload(bytes: Buffer, id = instance, filename = "my note.oga"): Promise<string> {
  const body = { size: bytes.length, filename };
  const ticket = (await gate.api("POST", `/api/whatsapp/${id}/uploads`, { body })).body;
  const put = await fetch(ticket.url, { method: "PUT", headers: ticket.headers, body: new Uint8Array(bytes) });
  expect(put.status).toBe(200);
  return ticket.uploadId;
}

/** Sets the channel count to two. The checksum is then wrong, which only a player would notice. */
function stereoOf(mono: Buffer): Buffer {
  const copy = Buffer.from(mono);
  copy.writeUInt8(2, copy.indexOf("OpusHead") + 9);
  return copy;
}

describe("without ffmpeg, a file that is already in the right format", () => {
  test("a conversion returns a file that can be downloaded, sent and converted again", async () => {
    const answer = await convert("voice", { filePath: await upload(voice) });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        success: true,
        message: "Audio converted to Opus",
        data: {
          filePath: sha256(voice),
          fileName: "my note.ogg",
          mimeType: "audio/ogg; codecs=opus",
          size: voice.length,
          duration: 3,
        },
      },
    });
    const { filePath, url } = answer.body.data;
    const fetched = await fetch(url);
    expect(fetched.headers.get("content-type")).toBe("audio/ogg; codecs=opus");
    expect(fetched.headers.get("content-disposition")).toContain("my%20note.ogg");
    expect(Buffer.from(await fetched.arrayBuffer()).equals(voice)).toBe(true);
    const link = await gate.api("GET", `/api/media/${instance}/${filePath}`);
    expect(link.body.data).toMatchObject({ filePath, size: voice.length, mimeType: "audio/ogg; codecs=opus" });
    expect((await fetch(link.body.data.url)).status).toBe(200);

    expect((await convert("voice", { filePath })).body.data.filePath).toBe(filePath);
    const body = { instanceId: instance, to: bob.number, audio: filePath };
    const sent = (await gate.api("POST", "/api/message/send/voice", { body })).body.data.messageId;
    const arrived = await bob.waitFor((message) => message.id === sent);
    expect(arrived).toMatchObject({ kind: "audio", media: { ptt: true, seconds: 3 } });
    expect(bob.download(arrived).equals(voice)).toBe(true);
  });

  test("a conversion accepts base64 or a data URL in the request, also while the instance is not connected", async () => {
    const bare = await convert("voice", { base64: base64(voice), mimeType: "audio/ogg" }, unlinked);
    expect(bare.body).toMatchObject({ success: true, data: { filePath: sha256(voice), fileName: "file.ogg" } });
    const data = await convert("video", { base64: `data:video/mp4;base64,${base64(video)}` }, unlinked);
    expect(data.body).toMatchObject({
      success: true,
      message: "Video converted to MP4",
      data: { filePath: sha256(video), fileName: "file.mp4", mimeType: "video/mp4", size: video.length, duration: 7 },
    });
  });

  test("a conversion accepts the storage key from the event of a message with a file", async () => {
    const { id } = await bob.sendMedia(owner.number, "audio", voice, { ptt: true });
    const [storageKey] = await until(async () => {
      const rows = await gate.db.sql<{ key: string }[]>`
        select data->'media'->>'storageKey' as key from events
        where type = 'media.stored' and data->>'messageId' = ${id}`;
      return rows.length > 0 ? rows.map((row) => row.key) : undefined;
    });
    expect((await convert("voice", { filePath: storageKey })).body.data).toMatchObject({ filePath: sha256(voice) });
    expect(refused(await convert("voice", { filePath: storageKey }, unlinked))).toEqual([
      400,
      false,
      "media_not_usable",
    ]);
  });

  test("requests with the same Idempotency-Key run one conversion", async () => {
    const headers = { "idempotency-key": randomUUID() };
    const ask = () => convert("voice", { base64: base64(voice) }, instance, headers);
    const [first, second] = [await ask(), await ask()];
    expect([first.status, second.status]).toEqual([200, 200]);
    const rows = await gate.db.sql`
      select from commands join idempotency_keys k on k.command_id = commands.id where k.key = ${headers["idempotency-key"]}`;
    expect(rows).toHaveLength(1);
    const other = await convert("voice", { base64: base64(video) }, instance, headers);
    expect(refused(other)).toEqual([409, false, "idempotency_conflict"]);
  });
});

describe("options of a file", () => {
  const failure = async (id: string) => {
    const { body } = await gate.receiver.waitFor(
      ({ body: { event, data } }) => event === "message.failed" && data.messageId === id,
    );
    return body.data.error;
  };
  const send = async (kind: string, body: object): Promise<string> => {
    const answer = await gate.api("POST", `/api/message/send/${kind}`, {
      body: { instanceId: instance, to: bob.number, ...body },
    });
    expect(answer.status).toBe(200);
    return answer.body.data.messageId;
  };

  test.each([
    ["a picture", "image", { image: base64(png(32)), caption: "once" }],
    ["a video", "video", { video: base64(video) }],
    ["a voice note", "voice", { audio: base64(voice) }],
  ])("a view-once message can be opened once, and not be forwarded: %s", async (_name, kind, body) => {
    const messageId = await send(kind, { ...body, viewOnce: true, mentions: [bob.number] });
    const arrived = await bob.waitFor(({ id }) => id === messageId);
    expect(arrived).toMatchObject({ viewOnce: true, mentions: [bob.jid] });
    expect(Object.keys(arrived.message)).toContain(
      kind === "voice" ? "viewOnceMessageV2Extension" : "viewOnceMessageV2",
    );
    expect(base64(bob.download(arrived))).toBe(Object.values(body)[0]);
    expect(() => bob.download(arrived)).toThrow("was opened before");
    const sent = await gate.receiver.waitFor(
      ({ body: { event, data } }) => event === "message.sent" && data.messageId === messageId,
    );
    expect(sent.body.data).toMatchObject({ type: kind === "voice" ? "audio" : kind, context: { viewOnce: true } });
    const forward = { instanceId: instance, to: bob.number, messageId };
    expect(refused(await gate.api("POST", "/api/message/forward", { body: forward }))).toEqual([
      501,
      false,
      "not_supported",
    ]);
    // A quote contains a copy of the message, which must not have the key of the file.
    const reply = { instanceId: instance, to: bob.number, message: "seen?", quotedMessageId: messageId };
    await gate.api("POST", "/api/message/send/text", { body: reply });
    const { message } = await bob.waitFor(({ text }) => text === "seen?");
    const quote = JSON.stringify(message.extendedTextMessage?.contextInfo?.quotedMessage);
    expect(quote).not.toMatch(/mediaKey|directPath/);
    bob.inbox.messages.splice(
      bob.inbox.messages.findIndex(({ text }) => text === "seen?"),
      1,
    );
  });

  test("an HD picture is sent unchanged, and a small one is refused", async () => {
    const large = hugePng(1601);
    const arrived = await send("image", { image: base64(large), hd: true });
    const picture = await bob.waitFor(({ id }) => id === arrived);
    expect(picture.media).toMatchObject({ width: 1601, height: 1601, mimetype: "image/png" });
    expect(bob.download(picture).equals(large)).toBe(true);
    expect(await failure(await send("image", { image: base64(hugePng(1600)), hd: true }))).toEqual({
      code: "media_not_usable",
      details: "the image has 1600 by 1600 pixels; for HD, its longer side must have at least 1601",
    });
    const small = await failure(await send("video", { video: base64(video), hd: true }));
    expect(small.details).toContain("640 by 360 pixels");
  });

  test.each([
    ["a plain PDF", pdf(3), 3],
    ["a PDF with a compressed page tree", pdf(12, { compressed: true }), 12],
    ["a PDF that is damaged", pdf(3).subarray(0, 60), undefined],
    ["a file that only claims to be a PDF", Buffer.from("no PDF /Type /Pages /Count 9"), undefined],
  ])("the number of pages of a document is sent: %s", async (_name, bytes, pages) => {
    const uploadId = await upload(bytes, instance, "a.pdf");
    const arrived = await send("file", { file: uploadId, filename: "a.pdf" });
    const document = await bob.waitFor(({ id }) => id === arrived);
    expect(document.media).toMatchObject({ kind: "document", fileName: "a.pdf" });
    expect(document.media?.pages).toBe(pages);
    expect(bob.download(document).equals(bytes)).toBe(true);
  });

  test("a document, a picture and a video have the caller's thumbnail in both dialects", async () => {
    const small = jpeg(240, 320, { orientation: 1 });
    const thumbnail = base64(small);
    const media = { phone: bob.number, uploadId: await upload(pdf(2)), type: "document", thumbnail };
    const ids = [
      (await gate.api("POST", `/api/whatsapp/${instance}/send-media`, { body: media })).body.id,
      await send("file", { file: base64(pdf(2)), thumbnail }),
      await send("image", { image: base64(png(32)), thumbnail }),
      await send("video", { video: base64(video), thumbnail }),
    ];
    for (const sentId of ids) {
      const arrived = await bob.waitFor(({ id }) => id === sentId);
      expect(Buffer.from(arrived.media?.thumbnail ?? []).equals(small)).toBe(true);
      if (arrived.kind !== "document") continue;
      expect(arrived.message.documentMessage ?? arrived.message.documentWithCaptionMessage).toMatchObject({
        pageCount: 2,
        thumbnailWidth: 240,
        thumbnailHeight: 320,
      });
    }
  });

  test("a thumbnail that is no JPEG, too large, or for a sticker or voice note is refused", async () => {
    for (const thumbnail of ["x", base64(png(8)), base64(jpeg(1, 1, { bytes: 60_000 }))]) {
      const answer = await gate.api("POST", "/api/message/send/file", {
        body: { instanceId: instance, to: bob.number, file: base64(pdf(2)), thumbnail },
      });
      expect(refused(answer)).toEqual([400, false, "invalid_request"]);
    }
    const broken = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.alloc(60)]);
    expect(await failure(await send("file", { file: base64(pdf(2)), thumbnail: base64(broken) }))).toMatchObject({
      code: "media_not_usable",
      details: "the thumbnail is not a JPEG",
    });
    for (const [type, bytes] of [
      ["sticker", webp(512)],
      ["audio", voice],
    ] as const) {
      const body = { phone: bob.number, uploadId: await upload(bytes), type, thumbnail: base64(jpeg(8, 8)) };
      const { id } = (await gate.api("POST", `/api/whatsapp/${instance}/send-media`, { body })).body;
      expect((await failure(id)).details).toContain("can have a thumbnail");
    }
  });

  test("view-once and HD are refused for a file that turns out to be something else", async () => {
    for (const [option, details] of [
      ["viewOnce", "only pictures, videos and voice notes can be view-once, not a document"],
      ["hd", "only pictures and videos can be HD, not a document"],
    ] as const) {
      const uploadId = await upload(Buffer.from("%PDF-1.7 not a picture"));
      const body = { phone: bob.number, uploadId, [option]: true };
      const { id } = (await gate.api("POST", `/api/whatsapp/${instance}/send-media`, { body })).body;
      expect(await failure(id)).toEqual({ code: "media_not_usable", details });
    }
  });
});

test("without ffmpeg, any other file gets 501 with how to install ffmpeg, and the host continues", async () => {
  for (const [into, bytes] of [
    ["voice", stereo],
    ["voice", video],
    ["video", foreign],
  ] as const) {
    const answer = await convert(into, { base64: base64(bytes) });
    expect(refused(answer)).toEqual([501, false, "not_supported"]);
    expect(answer.body.details).toContain("apt-get install ffmpeg");
  }
  expect((await convert("voice", { base64: base64(voice) })).status).toBe(200);
});

describe("a filePath that is not a staged file of this instance", () => {
  test("gets 400 if it is a path, a URL or file content", async () => {
    const names = [
      "/path/to/audio.mp3",
      "/etc/passwd",
      "../../etc/passwd",
      "file:///etc/passwd",
      "https://example.com/a.mp3",
      "concat:/etc/passwd|/etc/hosts",
      "C:\\audio.mp3",
      "audio.mp3",
      "",
      "media/x/y",
      `upload/${instance}/../../x`,
      `upload/${instance}`,
      `media/${instance}/a/b`,
      `data:audio/ogg;base64,${base64(voice)}`,
    ];
    for (const filePath of names) {
      const answer = await convert(filePath.length % 2 === 0 ? "voice" : "video", { filePath });
      expect([filePath, ...refused(answer)]).toEqual([filePath, 400, false, "invalid_request"]);
      expect(answer.body.details).toContain("filePath: must be what an upload or a conversion returned");
    }
  });

  test("gets the same error if it is another instance's file as if it is missing", async () => {
    const theirs = await upload(voice, unlinked);
    const full = `upload/${unlinked}/${theirs}`;
    expect((await convert("voice", { filePath: full }, unlinked)).status).toBe(200);
    for (const filePath of [
      theirs,
      full,
      "0".repeat(32),
      `upload/${instance}/${"0".repeat(64)}`,
      `media/${instance}/x`,
    ]) {
      const answer = await convert("voice", { filePath });
      expect([filePath, ...refused(answer)]).toEqual([filePath, 400, false, "media_not_usable"]);
      expect(answer.body.details).toBe("this instance has no file with this filePath, or the file has expired");
    }
    const asked = await Promise.all(
      [theirs, "0".repeat(32), "x"].map((path) => gate.api("GET", `/api/media/${instance}/${path}`)),
    );
    expect(asked.map(({ body }) => body.code)).toEqual(["media_not_usable", "media_not_usable", "invalid_request"]);
  });
});

test("a request without a file, with two files, or with a file that is not audio or video gets 400", async () => {
  const invalid = [
    {},
    { mimeType: "audio/mpeg" },
    { base64: "" },
    { base64: "base64-encoded-audio-data!" },
    { base64: "data:audio/ogg;base64," },
    { base64: "https://example.com/a.mp3" },
    { base64: base64(voice), mimeType: "x\r\ny: z" },
    { base64: base64(voice), filePath: "0".repeat(32) },
    { base64: base64(Buffer.alloc(4_400_001)) },
  ];
  for (const body of invalid) expect(refused(await convert("voice", body))).toEqual([400, false, "invalid_request"]);
  const playlist = "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n";
  for (const bytes of [png(8), Buffer.from("only text"), Buffer.from(playlist), Buffer.from([0])]) {
    for (const into of ["voice", "video"] as const) {
      const answer = await convert(into, { base64: base64(bytes), mimeType: "audio/mpeg" });
      expect(refused(answer)).toEqual([400, false, "media_not_usable"]);
    }
  }
  expect(refused(await convert("video", { base64: base64(voice) }))).toEqual([400, false, "media_not_usable"]);
});

describe("without ffmpeg, a GIF or sticker", () => {
  const sent = async (path: string, body: object): Promise<string> => {
    const answer = await gate.api("POST", path, { body });
    expect(answer.status).toBe(200);
    return answer.body.id ?? answer.body.data.messageId;
  };
  const send = {
    "multi-instance": (bytes: Buffer, option: object) =>
      upload(bytes).then((uploadId) =>
        sent(`/api/whatsapp/${instance}/send-media`, { phone: bob.number, uploadId, ...option }),
      ),
    gateway: (bytes: Buffer, option: object) =>
      upload(bytes).then((image) =>
        sent("/api/message/send/image", { instanceId: instance, to: bob.number, image, ...option }),
      ),
  };

  test.each([
    ["multi-instance", gif, { type: "image" }],
    ["gateway", gif, {}],
    ["multi-instance", png(8), { type: "sticker" }],
    ["gateway", png(8), { asSticker: true }],
  ] as const)("that must be converted fails in the %s dialect with what to install", async (dialect, bytes, option) => {
    const id = await send[dialect](bytes, option);
    const { body } = await gate.receiver.waitFor(
      ({ body: { event, data } }) => event === "message.failed" && data.messageId === id,
    );
    expect(body.data.error).toEqual({ code: "not_supported", details: expect.stringContaining("install ffmpeg") });
  });

  test.each([
    ["multi-instance", { type: "sticker" }],
    ["gateway", { asSticker: true }],
  ] as const)("in WebP is sent unchanged in the %s dialect", async (dialect, option) => {
    for (const animated of [false, true]) {
      const bytes = webp(512, { animated });
      const id = await send[dialect](bytes, option);
      const { message, ...arrived } = await bob.waitFor((one) => one.id === id);
      const expected = { mimetype: "image/webp", width: 512, height: 512, isAnimated: animated };
      expect(message.stickerMessage).toMatchObject(expected);
      expect(bob.download({ message, ...arrived }).equals(bytes)).toBe(true);
    }
  });

  test.each([
    ["still", false],
    ["animated", true],
  ])("a sticker with metadata has the same picture: %s", async (_name, animated) => {
    const bytes = webp(512, { animated });
    const pack = { pack: "Cats", author: "Ann", emojis: ["😀"] };
    const uploadId = await upload(bytes);
    const media = { phone: bob.number, uploadId, type: "sticker", sticker: pack };
    const ids = [
      await sent(`/api/whatsapp/${instance}/send-media`, media),
      await sent("/api/message/send/sticker", { instanceId: instance, to: bob.number, sticker: uploadId, ...pack }),
    ];
    for (const id of ids) {
      const arrived = await bob.waitFor((one) => one.id === id);
      const metadata = { "sticker-pack-name": "Cats", "sticker-pack-publisher": "Ann", emojis: ["😀"] };
      expect(arrived.sticker).toMatchObject({ width: 512, height: 512, animated, metadata });
      expect(bob.download(arrived).includes(bytes.subarray(bytes.indexOf("VP8L")))).toBe(true);
    }
  });

  test("in WebP is sent unchanged without metadata by /send/sticker, in a bulk and to a broadcast list", async () => {
    const bytes = webp(512, { animated: true });
    const uploadId = await upload(bytes);
    const asFile = async (body: object) => {
      const form = new FormData();
      for (const [name, value] of Object.entries({ phone: bob.number, type: "sticker", ...body }))
        form.set(name, value);
      form.set("file", new File([new Uint8Array(bytes)], "a.webp"));
      return await gate.api("POST", `/api/whatsapp/${instance}/send-file`, { body: form });
    };
    const list = await gate.api("POST", `/api/broadcasts/${instance}`, {
      body: { name: "All", recipients: [bob.number] },
    });
    const { broadcastId } = list.body.data;
    const answers = [
      await gate.api("POST", "/api/message/send/sticker", {
        body: { instanceId: instance, to: bob.number, sticker: uploadId },
      }),
      await gate.api("POST", `/api/whatsapp/${instance}/bulk`, {
        body: { recipients: [{ phone: bob.number }], media: { uploadId, type: "sticker" } },
      }),
      await gate.api("POST", `/api/broadcasts/${instance}/${broadcastId}/send`, { body: { sticker: uploadId } }),
      await asFile({}),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 201, 201, 200]);
    const same = await until(async () => {
      const stickers = bob.inbox.messages.filter(
        ({ sticker, media }) => sticker?.animated && media?.fileLength === bytes.length,
      );
      return stickers.length >= answers.length ? stickers : undefined;
    });
    for (const message of same) expect(bob.download(message).equals(bytes)).toBe(true);
    const named = (await asFile({ stickerPack: "Cats", stickerEmojis: "😀,🐈" })).body.id;
    expect((await bob.waitFor(({ id }) => id === named)).sticker?.metadata).toMatchObject({
      "sticker-pack-name": "Cats",
      emojis: ["😀", "🐈"],
    });
  });

  test.each([
    ["a WebP picture of another size", webp(300), "not_supported", "which has 300 by 300 pixels instead of 512 by 512"],
    ["a large WebP picture", webp(512, { filler: 100_000 }), "not_supported", "a sticker has at most 100000"],
    ["a large animation", webp(512, { animated: true, filler: 500_000 }), "media_not_usable", "Send a GIF or a video"],
    [
      "a WebP picture that is also a ZIP file",
      Buffer.concat([webp(512), Buffer.from("PK")]),
      "not_supported",
      "other data",
    ],
    ["a document", Buffer.from("%PDF-1.7 not a picture"), "media_not_usable", "cannot be a sticker"],
  ])("of %s is refused with the reason", async (_name, bytes, code, details) => {
    const body = { instanceId: instance, to: bob.number, sticker: await upload(bytes, instance, "a.webp") };
    const id = await sent("/api/message/send/sticker", body);
    const failed = await gate.receiver.waitFor(
      ({ body: { event, data } }) => event === "message.failed" && data.messageId === id,
    );
    expect(failed.body.data.error).toEqual({ code, details: expect.stringContaining(details) });
  });

  test("fails with a caption if it turns out to be sound", async () => {
    const { status, body } = await gate.api("POST", `/api/whatsapp/${instance}/send-media`, {
      body: { phone: bob.number, uploadId: await upload(oggOpus(1), instance, "a.ogg"), caption: "x" },
    });
    expect(status).toBe(200);
    const failed = await gate.receiver.waitFor(
      ({ body: { event, data } }) => event === "message.failed" && data.messageId === body.id,
    );
    expect(failed.body.data.error).toEqual({
      code: "media_not_usable",
      details: "the file is sent as audio, which cannot have a caption",
    });
  });

  test("is refused with options that exclude each other", async () => {
    const media = { phone: bob.number, url: "https://example.com/a.mp4" };
    const file = { instanceId: instance, to: bob.number, image: "https://example.com/a.png" };
    const film = { instanceId: instance, to: bob.number, video: "https://example.com/a.mp4" };
    for (const [path, body] of [
      [`/api/whatsapp/${instance}/send-media`, { ...media, asGif: true, asRound: true }],
      [`/api/whatsapp/${instance}/send-media`, { ...media, asGif: true, type: "image" }],
      [`/api/whatsapp/${instance}/send-media`, { ...media, caption: "x", type: "sticker" }],
      [`/api/whatsapp/${instance}/send-media`, { ...media, caption: "x", type: "audio" }],
      [`/api/whatsapp/${instance}/send-media`, { ...media, caption: "x", asVoice: true }],
      ["/api/message/send/image", { ...file, caption: "x", asSticker: true }],
      ["/api/message/send/video", { ...film, asSticker: true, asGif: true }],
      [`/api/whatsapp/${instance}/send-media`, { ...media, sticker: { pack: "x" } }],
      [`/api/whatsapp/${instance}/send-media`, { ...media, viewOnce: true, type: "document" }],
      [`/api/whatsapp/${instance}/send-media`, { ...media, hd: true, type: "audio" }],
      [`/api/whatsapp/${instance}/send-media`, { ...media, phone: "120363000000000000@newsletter", viewOnce: true }],
      ["/api/message/send/video", { ...film, viewOnce: true, asGif: true }],
      ["/api/message/send/video", { ...film, hd: true, asSticker: true }],
      [
        `/api/whatsapp/${instance}/bulk`,
        { recipients: [{ phone: bob.number }], media: { url: media.url, asVoice: true, asGif: true } },
      ],
      [`/api/status/${instance}/video`, { video: "https://example.com/a.mp4", asGif: "yes" }],
    ] as const) {
      const { status, body: answer } = await gate.api("POST", path, { body });
      expect({ body, status, code: answer.code }).toMatchObject({ status: 400, code: "invalid_request" });
    }
  });
});
