import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Phone } from "../../../simulator/index.ts";
import type { InboxMessage } from "../../../simulator/phone/mailbox/inbox.ts";
import { linkPicture } from "../../../simulator/phone/shown-file.ts";
import {
  type Body,
  type LinkedGateway,
  rejectionOf,
  startLinkedGateway,
} from "../../support/gateway/linked-gateway.ts";
import { type Messenger, messenger } from "../../support/gateway/message-api.ts";
import { jpeg as sizedJpeg } from "../../support/media/jpeg.ts";
import { oggOpus } from "../../support/media/ogg-opus.ts";
import { hugePng, png } from "../../support/media/png.ts";
import { until } from "../../support/until.ts";

let linked: LinkedGateway;
let gate: LinkedGateway["gate"];
let files: LinkedGateway["files"];
let owner: Phone;
let bob: Phone;
let carol: Phone;
let instance: string;
let client: LinkedGateway["client"];
let ask: Messenger["ask"];
let send: Messenger["send"];
let received: Messenger["received"];

const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(500, 1)]);
const page = Buffer.from(`<!doctype html><html><head><title>Its &amp; own</title>
  <meta content='A page&#39;s "words"' property='og:description'><meta property="og:image" content="/small.jpg">
  </head></html>`);

const large = sizedJpeg(1200, 630, { bytes: 100_000 });
/** Pages that can be read, with pictures that can't be used. */
const hostile = Object.fromEntries(
  Object.entries({
    bomb: hugePng(16_000),
    oversized: Buffer.concat([large, Buffer.alloc(5 * 1024 * 1024)]),
    script: Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"),
    polyglot: Buffer.concat([Buffer.from("%PDF-1.7\n"), large]),
  }).flatMap(([name, body]) => [
    [`/${name}.jpg`, { body, type: "image/jpeg" }],
    [
      `/${name}`,
      {
        body: Buffer.from(`<title>${name}</title><meta property="og:image" content="/${name}.jpg">`),
        type: "text/html",
      },
    ],
  ]),
);

beforeAll(async () => {
  linked = await startLinkedGateway("gateway", {
    "/page": { body: page, type: "text/html; charset=utf-8" },
    "/nothing": { body: Buffer.from("<p>no title</p>"), type: "text/html" },
    "/small.jpg": { body: jpeg, type: "image/jpeg" },
    "/large.jpg": { body: large, type: "image/jpeg" },
    "/article": {
      body: Buffer.from(`<title>Article</title><meta property="og:image" content="/large.jpg">`),
      type: "text/html",
    },
    ...hostile,
  });
  ({ gate, files, owner, bob, carol, instance, client } = linked);
  ({ ask, send, received } = messenger(linked));
});
afterAll(() => linked?.stop());

const place = { latitude: -6.2088, longitude: 106.8456, name: "Jakarta", address: "Jakarta, Indonesia" };
const card = (name: string) => ({
  displayName: name,
  vcard: `BEGIN:VCARD\nVERSION:3.0\nFN:${name}\nTEL:+6281234567890\nEND:VCARD`,
});
const poll = { question: "What's your favorite color?", options: ["Red", "Blue", "Green"], selectableCount: 1 };
const list = {
  title: "Choose an option",
  buttonText: "View Options",
  sections: [{ title: "Section 1", rows: [{ title: "Option 1", description: "Description 1", rowId: "option1" }] }],
};
const buttons = {
  text: "Choose an action",
  buttons: [
    { buttonId: "btn1", buttonText: "Button 1" },
    { buttonId: "btn2", buttonText: "Button 2" },
  ],
};

describe("sending a file", () => {
  test("a file arrives as a document with its name and caption", async () => {
    const file = { file: files.url("/a.pdf"), filename: "document.pdf", caption: "Important document" };
    const arrived = await send("send/file", file);
    expect(arrived).toMatchObject({
      kind: "document",
      text: "Important document",
      media: { fileName: "document.pdf" },
    });
    // A picture is also sent as a document if the caller asks for it.
    expect(await send("send/file", { file: files.url("/a.png") })).toMatchObject({ media: { fileName: "a.png" } });
  });

  test("a file arrives as a video, an image or a voice note", async () => {
    const video = await send("send/video", { video: files.url("/a.mp4"), caption: "Check this video!" });
    expect(video).toMatchObject({ kind: "video", text: "Check this video!", media: { seconds: 7 } });
    expect(await send("send/image", { image: files.url("/a.png") })).toMatchObject({ kind: "image" });
    const note = await send("send/voice", { audio: files.url("/a.ogg") });
    expect(note).toMatchObject({ kind: "audio", media: { ptt: true, seconds: 3 } });
    await client.reported("sent", note.id);
  });

  test("a file can be a data URL, base64 or an upload", async () => {
    const picture = png();
    const encoded = picture.toString("base64");
    for (const image of [encoded, `data:image/png;base64,${encoded}`]) {
      const arrived = await send("send/image", { image, caption: "inline" });
      expect(arrived).toMatchObject({ kind: "image", text: "inline", media: { mimetype: "image/png" } });
      expect(bob.download(arrived).equals(picture)).toBe(true);
    }
    const ticket = await gate.api("POST", `/api/whatsapp/${instance}/uploads`, {
      body: { size: picture.length, contentType: "image/png", filename: "up.png" },
    });
    const { uploadId, url, headers } = ticket.body;
    expect((await fetch(url, { method: "PUT", headers, body: new Uint8Array(picture) })).status).toBe(200);
    expect(await send("send/file", { file: uploadId })).toMatchObject({ media: { fileName: "up.png" } });
    const note = `data:audio/ogg;base64,${oggOpus(3).toString("base64")}`;
    expect(await send("send/voice", { audio: note })).toMatchObject({ kind: "audio", media: { ptt: true } });
    const plain = await send("send/file", { file: "data:text/plain,Hello%20there", filename: "a.txt" });
    expect(bob.download(plain).toString()).toBe("Hello there");
    const unknown = await ask("POST", "send/image", { to: bob.jid, image: "0".repeat(32) });
    expect(rejectionOf(unknown)).toEqual([400, "media_not_usable"]);
  });

  test("a file of the wrong type fails, with a webhook", async () => {
    for (const [kind, field] of [
      ["send/video", "video"],
      ["send/voice", "audio"],
    ] as const) {
      const answer = await ask("POST", kind, { to: bob.jid, [field]: files.url("/a.pdf") });
      await client.reported("failed", answer.body.data.messageId);
    }
  });
});

describe("sending a message without a file", () => {
  const shown = async (id: string, type: string, body: string) => {
    expect(await client.inHistory(bob.number, id, "delivered")).toMatchObject({ type, body, fromMe: true });
    expect((await client.reported("sent", id)).body.data).toMatchObject({ chatId: bob.jid, type, source: "api" });
  };

  test("a location arrives with its coordinates, name and address", async () => {
    const arrived = await send("send/location", place);
    expect(arrived.message.locationMessage).toMatchObject({
      degreesLatitude: -6.2088,
      degreesLongitude: 106.8456,
      name: "Jakarta",
      address: "Jakarta, Indonesia",
    });
    await shown(arrived.id, "location", "Jakarta");
    const bare = await send("send/location", { latitude: 0, longitude: 0 });
    expect(bare.message.locationMessage).toMatchObject({ degreesLatitude: 0, degreesLongitude: 0 });
  });

  test("a message with one or several contact cards arrives", async () => {
    const one = await send("send/contact", { contacts: [card("John Doe")] });
    expect(one.message.contactMessage).toMatchObject(card("John Doe"));
    await shown(one.id, "contact", "John Doe");
    const two = await send("send/contact", { contacts: [card("John"), card("Jane")] });
    expect(two.message.contactsArrayMessage?.contacts).toMatchObject([card("John"), card("Jane")]);
    await shown(two.id, "contact", "");
  });

  test("a poll arrives with its options and the secret for votes", async () => {
    const single = await send("send/poll", poll);
    expect(single.message.pollCreationMessageV3).toMatchObject({
      name: "What's your favorite color?",
      options: [{ optionName: "Red" }, { optionName: "Blue" }, { optionName: "Green" }],
      selectableOptionsCount: 1,
    });
    expect(single.message.messageContextInfo?.messageSecret).toHaveLength(32);
    await shown(single.id, "poll", "What's your favorite color?");
    const any = await send("send/poll", { ...poll, selectableCount: 0 });
    expect(any.message.pollCreationMessage).toMatchObject({ selectableOptionsCount: 0 });
    const [kept] = await gate.db.sql`select proto_type from messages where wa_id = ${any.id}`;
    expect(kept?.proto_type).toBe("pollCreationMessage");
  });
});

test("every kind of message can have a quote and mentions", async () => {
  const quotedMessageId = await received(bob, "a question");
  const context = { quotedMessageId, mentions: [carol.number] };
  const kinds: [string, Body][] = [
    ["send/text", { message: "hello" }],
    ["send/image", { image: files.url("/a.png") }],
    ["send/file", { file: files.url("/a.pdf") }],
    ["send/voice", { audio: files.url("/a.ogg") }],
    ["send/video", { video: files.url("/a.mp4") }],
    ["send/location", place],
    ["send/contact", { contacts: [card("John")] }],
    ["send/contact", { contacts: [card("John"), card("Jane")] }],
    ["send/poll", poll],
    ["send/link-preview", { url: "https://example.com", title: "Example Website" }],
    ["forward", { messageId: quotedMessageId }],
  ];
  const check = async (kind: string, body: Body) => {
    const arrived = await send(kind, { ...body, ...context });
    expect([kind, arrived.quotes, arrived.mentions]).toEqual([
      kind,
      { id: quotedMessageId, from: bob.lidJid, text: "a question" },
      [carol.jid],
    ]);
    const answer = await ask("POST", kind, { to: bob.jid, ...body, quotedMessageId: "3EB0UNKNOWN" });
    expect([kind, ...rejectionOf(answer)]).toEqual([kind, 404, "message_not_found"]);
  };
  await Promise.all(kinds.map(([kind, body]) => check(kind, body)));
});

describe("sending a link preview", () => {
  const previewOf = ({ message }: InboxMessage) => message.extendedTextMessage;

  test("a link arrives with the given preview, and its page is not requested", async () => {
    const url = files.url("/never");
    const given = { url, title: "Example Website", description: "This is an example" };
    const arrived = await send("send/link-preview", { ...given, image: files.url("/small.jpg") });
    expect(previewOf(arrived)).toMatchObject({
      text: url,
      matchedText: url,
      title: "Example Website",
      description: "This is an example",
    });
    expect(Buffer.from(previewOf(arrived)?.jpegThumbnail ?? []).equals(jpeg)).toBe(true);
    expect(files.requested).not.toContain("/never");
    expect(await client.inHistory(bob.number, arrived.id, "delivered")).toMatchObject({ type: "text", body: url });
    expect(client.textOf(await client.reported("sent", arrived.id))).toBe(url);
  });

  test("a link without a given preview arrives with the title, description and image of its page", async () => {
    const arrived = await send("send/link-preview", { url: files.url("/page") });
    expect(previewOf(arrived)).toMatchObject({ title: "Its & own", description: `A page's "words"` });
    expect(Buffer.from(previewOf(arrived)?.jpegThumbnail ?? []).equals(jpeg)).toBe(true);
  });

  const sendText = async (body: Body, dialect = "gateway") => {
    const answer =
      dialect === "gateway"
        ? await ask("POST", "send/text", { to: bob.jid, ...body })
        : await gate.api("POST", `/api/whatsapp/${instance}/send`, { body: { phone: bob.number, ...body } });
    expect(answer.status).toBe(200);
    return answer.body.id ?? answer.body.data.messageId;
  };

  test.each([
    ["as given", "gateway"],
    ["as given", "multi-instance"],
    ["of its page", "gateway"],
    ["of its page", "multi-instance"],
  ])("a text has a preview of its link with a large picture: %s, in the %s dialect", async (from, dialect) => {
    const link = files.url("/article");
    const given = { title: "Given", description: "About it", image: files.url("/large.jpg") };
    const message = `Read (${link}), and more at https://example.com.`;
    const id = await sendText({ message, linkPreview: from === "as given" ? given : true }, dialect);
    const arrived = await bob.waitFor((one) => one.id === id);
    const title = from === "as given" ? "Given" : "Article";
    const size = { thumbnailWidth: 1200, thumbnailHeight: 630 };
    expect(previewOf(arrived)).toMatchObject({ text: message, matchedText: link, title, ...size });
    expect(linkPicture(gate.wa.media, arrived.message)?.equals(large)).toBe(true);
    expect(bob.errors).toEqual([]);
    const shown = (await client.reported("sent", id)).body.data;
    expect(shown.content).toMatchObject({ kind: "text", linkPreview: { url: link, title } });
  });

  test.each(Object.keys(hostile).filter((path) => !path.endsWith(".jpg")))(
    "a text arrives with a preview without a picture if the page %s has one that can't be used",
    async (path) => {
      const id = await sendText({ message: files.url(path), linkPreview: true });
      const { jpegThumbnail, thumbnailDirectPath, title } = previewOf(await bob.waitFor((one) => one.id === id)) ?? {};
      expect({ jpegThumbnail, thumbnailDirectPath, title }).toEqual({
        jpegThumbnail: expect.toSatisfy((bytes) => !bytes?.length),
        thumbnailDirectPath: expect.toSatisfy((text) => !text),
        title: path.slice(1),
      });
    },
  );

  test("a text has no preview unless the caller asks for one, or if its page can't be read", async () => {
    for (const [message, linkPreview] of [
      [files.url("/article?unasked"), undefined],
      [files.url("/article?off"), false],
      [files.url("/missing"), true],
      ["http://169.254.169.254/latest/meta-data/", true],
    ] as const) {
      const id = await sendText({ message, linkPreview });
      const arrived = await bob.waitFor((one) => one.id === id);
      expect(arrived.text).toBe(message);
      expect(previewOf(arrived)?.title).toBeFalsy();
    }
    expect(files.requested.filter((path) => path.includes("?"))).toEqual([]);
  });

  test("a text fails if the picture that the caller gives can't be fetched, and needs a link", async () => {
    const given = { title: "x", image: "http://169.254.169.254/a.jpg" };
    const id = await sendText({ message: "https://example.com", linkPreview: given });
    expect((await client.reported("failed", id)).body.data.error.code).toBe("url_not_allowed");
    for (const body of [
      { message: "no link", linkPreview: true },
      { message: "https://a.b", linkPreview: { title: "" } },
    ]) {
      const refused = await ask("POST", "send/text", { to: bob.jid, ...body });
      expect(rejectionOf(refused)).toEqual([400, "invalid_request"]);
    }
  });

  test("a link fails with a webhook if its page has no preview or its address is forbidden", async () => {
    for (const url of [files.url("/nothing"), files.url("/missing"), "http://169.254.169.254/latest/meta-data/"]) {
      const answer = await ask("POST", "send/link-preview", { to: bob.jid, url });
      await client.reported("failed", answer.body.data.messageId);
    }
  });
});

describe("forwarding a message", () => {
  const info = ({ message }: InboxMessage) =>
    Object.values(message).find((part) => part?.contextInfo)?.contextInfo as Body | undefined;

  test("a forwarded message has the original text and counts how often it was forwarded", async () => {
    const theirs = await received(bob, "pass it on");
    const first = await send("forward", { messageId: theirs }, carol);
    expect(first).toMatchObject({ kind: "text", text: "pass it on" });
    expect(info(first)).toMatchObject({ isForwarded: true, forwardingScore: 1 });
    expect(await client.inHistory(carol.number, first.id, "delivered")).toMatchObject({
      type: "text",
      body: "pass it on",
    });
    expect(client.textOf(await client.reported("sent", first.id))).toBe("pass it on");
    const second = await send("forward", { messageId: first.id, chatId: carol.jid });
    expect(info(second)).toMatchObject({ isForwarded: true, forwardingScore: 2 });
  });

  test("a forwarded message includes the file of a received or a sent message", async () => {
    const picture = png();
    const { id } = await bob.sendImage(owner.number, picture, { caption: "look" });
    await until(async () => {
      const [row] = await gate.db.sql`select media->>'state' as state from messages where wa_id = ${id}`;
      return row?.state === "stored" || undefined;
    });
    const arrived = await send("forward", { messageId: id }, carol);
    expect(arrived).toMatchObject({ kind: "image", text: "look" });
    expect(carol.download(arrived).equals(picture)).toBe(true);
    expect(info(arrived)).toMatchObject({ isForwarded: true });
    const note = await send("send/voice", { audio: files.url("/a.ogg") });
    await client.inHistory(bob.number, note.id, "delivered");
    expect(await send("forward", { messageId: note.id }, carol)).toMatchObject({ kind: "audio", media: { ptt: true } });
  });

  test("forwarding an unknown message gets 404, and forwarding a message that is not a text or a file gets 501", async () => {
    expect(rejectionOf(await ask("POST", "forward", { to: bob.jid, messageId: "3EB0UNKNOWN" }))).toEqual([
      404,
      "message_not_found",
    ]);
    const { id } = await send("send/poll", poll);
    expect(rejectionOf(await ask("POST", "forward", { to: bob.jid, messageId: id }))).toEqual([501, "not_supported"]);
    const elsewhere = await received(bob, "of Bob's chat");
    const answer = await ask("POST", "forward", { to: bob.jid, messageId: elsewhere, chatId: carol.jid });
    expect(rejectionOf(answer)).toEqual([404, "message_not_found"]);
  });
});

describe("message types that WhatsApp no longer shows", () => {
  test.each([
    ["send/list", list],
    ["send/buttons", buttons],
    ["send/live-location", { latitude: 52.5, longitude: 13.4, duration: 900 }],
  ] as const)("%s is rejected with the reason", async (kind, body) => {
    const answer = await ask("POST", kind, { to: bob.jid, ...body });
    expect(rejectionOf(answer)).toEqual([501, "not_supported"]);
    expect(answer.body.details).toMatch(/no longer shows|only phones/);
  });
});

describe("lists and buttons, as an experiment", () => {
  test.each([
    ["send/list", list, "single_select", "option1"],
    ["send/buttons", buttons, "quick_reply", "btn1"],
  ] as const)("%s arrives as an interactive message if the caller opts in", async (kind, body, name, id) => {
    const quoted = await received(bob, "what can I choose?");
    const arrived = await send(kind, { ...body, experimental: true, quotedMessageId: quoted });
    expect(arrived).toMatchObject({ kind: "interactive", quotes: { id: quoted } });
    const { body: shown, nativeFlowMessage } = arrived.message.interactiveMessage ?? {};
    expect(shown?.text).toBe("title" in body ? body.title : body.text);
    expect(nativeFlowMessage?.buttons?.[0]?.name).toBe(name);
    expect(nativeFlowMessage?.buttons?.[0]?.buttonParamsJson).toContain(`"id":"${id}"`);
    const history = await client.inHistory(bob.number, arrived.id, "delivered");
    expect(history).toMatchObject({ type: "interactive" });
  });

  test("rejects more buttons or rows than WhatsApp's API for businesses has", async () => {
    const many = Array.from({ length: 11 }, (_, index) => ({ title: `Row ${index}`, rowId: `row${index}` }));
    const four = many.slice(0, 4).map(({ title, rowId }) => ({ buttonId: rowId, buttonText: title }));
    for (const [kind, body] of [
      ["send/list", { ...list, sections: [{ title: "x", rows: many }] }],
      ["send/buttons", { ...buttons, buttons: four }],
    ] as const) {
      const answer = await ask("POST", kind, { to: bob.jid, ...body, experimental: true });
      expect(rejectionOf(answer)).toEqual([400, "invalid_request"]);
    }
  });
});

describe("requests of every endpoint", () => {
  const to = "4915550000002";
  const chatId = to;
  const messageId = "3EB0UNKNOWN";
  const bodies: [string, string, Body][] = [
    ["POST", "send/file", { to, file: "https://example.com/a.pdf" }],
    ["POST", "send/voice", { to, audio: "https://example.com/a.ogg" }],
    ["POST", "send/video", { to, video: "https://example.com/a.mp4" }],
    ["POST", "send/location", { to, ...place }],
    ["POST", "send/contact", { to, contacts: [card("x")] }],
    ["POST", "send/poll", { to, ...poll }],
    ["POST", "send/link-preview", { to, url: "https://example.com", title: "x" }],
    ["POST", "seen", { chatId, messageId }],
    ["POST", "typing/start", { chatId }],
    ["POST", "typing/stop", { chatId }],
    ["PUT", "reaction", { chatId, messageId, emoji: "👍" }],
    ["PUT", "star", { chatId, messageId, star: true }],
  ];

  test("every endpoint gets 409 while the instance is not connected", async () => {
    const unlinked = await gate.createInstance("gateway");
    for (const [method, path, body] of [...bodies, ["POST", "forward", { to, messageId }] as const]) {
      expect([path, ...rejectionOf(await ask(method, path, body, unlinked))]).toEqual([
        path,
        409,
        "instance_not_connected",
      ]);
    }
    const gone = await gate.api("DELETE", `/api/message/${unlinked}/${messageId}`);
    expect(rejectionOf(gone)).toEqual([409, "instance_not_connected"]);
  });

  test("every endpoint that takes a message gets 404 for an unknown message", async () => {
    for (const [method, path, body] of bodies.filter(([, , body]) => "messageId" in body)) {
      expect([path, ...rejectionOf(await ask(method, path, body))]).toEqual([path, 404, "message_not_found"]);
    }
  });

  test.each<[string, string, Body]>([
    ["POST", "send/file", { to, file: "document.pdf" }],
    ["POST", "send/file", { to, file: "https://example.com/a", caption: 1 }],
    ["POST", "send/file", { to, file: "data:text/plain;base64,a" }],
    ["POST", "send/file", { to, file: "data:text/plain;base64," }],
    ["POST", "send/file", { to, file: "data:text/plain,%" }],
    ["POST", "send/voice", { to }],
    ["POST", "send/video", { to: "somebody", video: "https://example.com/a.mp4" }],
    ["POST", "send/location", { to, latitude: 91, longitude: 0 }],
    ["POST", "send/location", { to, latitude: "1", longitude: 0 }],
    ["POST", "send/contact", { to, contacts: [] }],
    ["POST", "send/contact", { to, contacts: [{ displayName: "x", vcard: "x" }] }],
    ["POST", "send/poll", { to, question: "?", options: ["a"] }],
    ["POST", "send/poll", { to, question: "?", options: ["a", " a "] }],
    ["POST", "send/poll", { to, question: "?", options: ["a", "b"], selectableCount: 3 }],
    ["POST", "send/link-preview", { to, url: "ftp://example.com/" }],
    ["POST", "send/link-preview", { to, url: "https://example.com", title: "" }],
    ["POST", "send/list", { to, title: "x", buttonText: "x", sections: [] }],
    ["POST", "send/buttons", { to, text: "x", buttons: [{ buttonId: "1" }] }],
    ["POST", "forward", { to, messageId: "a b" }],
    ["POST", "seen", { messageId }],
    ["POST", "typing/start", {}],
    ["POST", "typing/stop", { chatId: "somebody" }],
    ["PUT", "reaction", { chatId, messageId, emoji: "two words" }],
    ["PUT", "star", { chatId, messageId, star: "yes" }],
  ])("rejects an invalid request with 400: %s %s", async (method, path, body) => {
    expect(rejectionOf(await ask(method, path, body))).toEqual([400, "invalid_request"]);
  });
});
