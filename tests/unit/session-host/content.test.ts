import { proto } from "@whiskeysockets/baileys";
import { describe, expect, test } from "vitest";
import { messageContent, textOf } from "../../../core/message/content/index.ts";
import { boundMessage } from "../../../session-host/inbound/bounds.ts";
import { readContent } from "../../../session-host/inbound/content/index.ts";
import { openPayload } from "../../../session-host/inbound/content/stored.ts";
import { maxWrappers, unnamedWrappers, unwrap, wrapperFields } from "../../../session-host/inbound/content/unwrap.ts";
import { wireFields } from "../../../session-host/inbound/content/wire.ts";
import { contentCases } from "../../support/content/cases.ts";

const encode = (message: proto.IMessage) =>
  Buffer.from(proto.Message.encode(proto.Message.fromObject(message)).finish());
const read = (encoded: Uint8Array) => readContent(unwrap(proto.Message.decode(encoded), encoded));
/** Field 999 with the bytes "new", which no protobuf definition has. */
const newer = Buffer.from([0xba, 0x3e, 0x03, ...Buffer.from("new")]);

/** Returns the encoded message in wrappers of the kind `ephemeralMessage`, field 40. */
function wrapped(encoded: Buffer, count: number): Buffer {
  const parts: Buffer[] = [encoded];
  let length = encoded.length;
  for (const tag of Array<Buffer[]>(count)
    .fill([Buffer.from([0x0a]), Buffer.from([0xc2, 0x02])])
    .flat()) {
    const head = Buffer.concat([tag, lengthOf(length)]);
    parts.push(head);
    length += head.length;
  }
  return Buffer.concat(parts.reverse());
}

const lengthOf = (length: number) => Buffer.from([(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14]);

describe("a message in a wrapper is read like the message itself", () => {
  test.each(wrapperFields)("%s", (field) => {
    const encoded = encode({ [field]: { message: { conversation: "hello" } } });
    expect(read(encoded)).toEqual({
      protoType: "conversation",
      content: { kind: "text", text: "hello", linkPreview: null },
    });
    expect(unwrap(proto.Message.decode(encoded)).flags.size).toBe(1);
  });

  test("all wrappers inside each other", () => {
    let message: proto.IMessage = { conversation: "hello", messageContextInfo: { messageSecret: Buffer.alloc(32, 1) } };
    for (const field of wrapperFields) message = { [field]: { message } };
    const decoded = proto.Message.decode(encode(message));
    expect(boundMessage(decoded)).toEqual({ truncated: false, contextTruncated: false });
    const opened = unwrap(decoded);
    expect(opened.content.conversation).toBe("hello");
    expect(opened.flags).toContain("viewOnce");
    expect(Buffer.from(opened.info.messageSecret ?? [])).toEqual(Buffer.alloc(32, 1));
  });
});

test("every wrapper has a flag", () => {
  expect(unnamedWrappers).toEqual([]);
});

describe("content that is newer than the protobuf definition is unknown, with its bytes", () => {
  const unknown = (encoded: Buffer) => ({
    protoType: "unknown",
    content: { kind: "unknown", fields: [999], bytes: encoded.toString("base64"), size: encoded.length },
  });

  test("a message with only a new field", () => {
    expect(read(newer)).toEqual(unknown(newer));
  });

  test("a message with a new field and facts about the message", () => {
    const encoded = Buffer.concat([encode({ messageContextInfo: { messageSecret: Buffer.alloc(32) } }), newer]);
    expect(read(encoded)).toEqual(unknown(encoded));
  });

  test("a new field in wrappers", () => {
    const inner = Buffer.concat([Buffer.from([0x0a, newer.length]), newer]);
    const ephemeral = Buffer.concat([Buffer.from([0xc2, 0x02, inner.length]), inner]);
    expect(proto.Message.decode(ephemeral).ephemeralMessage?.message).toBeDefined();
    expect(read(ephemeral)).toEqual(unknown(newer));
    const sent = Buffer.concat([Buffer.from([0x12, ephemeral.length]), ephemeral]);
    expect(read(Buffer.concat([Buffer.from([0xfa, 0x01, sent.length]), sent]))).toEqual(unknown(newer));
  });

  test("a new field with a group, the old form of a message", () => {
    const group = Buffer.from("bb3e0801bc3e", "hex");
    expect(read(group)).toEqual(unknown(group));
    const nested = Buffer.concat([group.subarray(0, 2), group, group.subarray(-2), newer]);
    expect(read(nested)).toEqual(unknown(nested));
    expect(wireFields(group.subarray(0, 4))).toEqual([]);
  });

  test.each([
    ["more wrappers than are opened", maxWrappers + 1],
    ["thousands of wrappers", 3_000],
  ])("a message in %s", (_name, count) => {
    const encoded = wrapped(encode({ imageMessage: { caption: "deep" } }), count);
    const message = proto.Message.decode(encoded);
    boundMessage(message);
    const content = readContent(unwrap(message, encoded))?.content;
    if (content?.kind !== "unknown") throw new Error("the message is not told");
    expect(content.fields).toEqual([40]);
    expect(content.size).toBeGreaterThan(10);
    expect(messageContent.parse(content)).toEqual(content);
  });

  test("a stored message in more wrappers than the decoder can open", () => {
    const encoded = wrapped(encode({ conversation: "deep" }), 100_000);
    expect(() => proto.Message.decode(encoded)).toThrow(RangeError);
    expect(readContent(openPayload(encoded))?.content).toMatchObject({ fields: [40], size: encoded.length });
  });

  test("a protocol message of a new type", () => {
    const encoded = encode({ protocolMessage: { type: 77 as proto.Message.ProtocolMessage.Type } });
    const content = { kind: "unknown", fields: [12], bytes: encoded.toString("base64"), size: encoded.length };
    expect(read(encoded)).toEqual({ protoType: "unknown", content });
  });

  test("a new field beside known content does not hide the known content", () => {
    expect(read(Buffer.concat([newer, encode({ conversation: "hello" })]))?.protoType).toBe("conversation");
  });
});

test.each([
  ["a sender key", { senderKeyDistributionMessage: { groupId: "1@g.us" } }],
  ["facts about a message", { messageContextInfo: {} }],
  ["an empty wrapper", { viewOnceMessage: {} }],
  ["nothing", {}],
])("a message with only %s has no content", (_name, message) => {
  expect(read(encode(message))).toBeUndefined();
});

test.each(Object.entries(contentCases))("the content of %s", (_name, { message, protoType, content, body }) => {
  const found = read(encode(message));
  expect(found?.protoType).toBe(protoType ?? Object.keys(message)[0]);
  expect(found?.content).toMatchObject(content);
  expect(messageContent.parse(found?.content)).toEqual(found?.content);
  expect(found?.content && textOf(found.content)).toBe(body);
});

test("a thumbnail that is too large for an event is left out", () => {
  const found = read(encode({ imageMessage: { jpegThumbnail: Buffer.alloc(25_000, 1) } }));
  expect(found?.content).toMatchObject({ kind: "image", thumbnail: null });
});

test.each<[string, proto.IMessage]>([
  ["an address of 10,000 characters", { locationMessage: { address: "x".repeat(10_000) } }],
  ["a vCard of 10,000 characters", { contactMessage: { displayName: "Ada", vcard: `NOTE:${"x".repeat(10_000)}` } }],
  [
    "a vCard with 21 numbers",
    {
      contactMessage: {
        displayName: "Ada",
        vcard: Array.from({ length: 21 }, (_one, index) => `TEL:${index}`).join("\n"),
      },
    },
  ],
  [
    "an e-mail address of 2,000 characters",
    { contactMessage: { displayName: "Ada", vcard: `EMAIL:${"x".repeat(2_000)}` } },
  ],
  ["300 contacts", { contactsArrayMessage: { contacts: Array(300).fill({ displayName: "Ada" }) } }],
])("content of which only the beginning is kept says so: %s", (_name, message) => {
  expect(read(encode(message))?.truncated).toBe(true);
});

const bigCard = (lines: number, value: string) =>
  [`FN:${value}`, `ORG:${value}`, ...Array(lines).fill(`TEL;TYPE=${value}:${value}\nEMAIL:${value}`)].join("\n");

test.each([
  ["long values", bigCard(20, "1".repeat(1_000))],
  ["many short values", bigCard(1_000, "1")],
  ["values of characters that are long in JSON", bigCard(20, "\u0001".repeat(300))],
])("257 vCards with %s have a content of at most 320 KiB, which says that it is cut", (_name, vcard) => {
  const found = read(encode({ contactsArrayMessage: { contacts: Array(257).fill({ vcard }) } }));
  expect(Buffer.byteLength(JSON.stringify(found?.content))).toBeLessThan(327_680);
  expect(found?.content).toMatchObject({ kind: "contacts", contacts: { length: 257 } });
  expect(messageContent.parse(found?.content)).toEqual(found?.content);
  expect(found?.truncated).toBe(true);
});

test("257 vCards with usual numbers have all their numbers", () => {
  const vcard =
    "FN:Ada Lovelace\nTEL;type=CELL;waid=4915550000001:+49 1555 0000001\nTEL;type=WORK:+49 30 1234567\nEMAIL:ada@example.com";
  const found = read(encode({ contactsArrayMessage: { contacts: Array(257).fill({ vcard }) } }));
  expect(found?.truncated).toBeUndefined();
  expect(found?.content).toMatchObject({
    contacts: Array(257).fill({ name: "Ada Lovelace", numbers: [{}, {}], vcard }),
  });
});

test("content that escapes the limits of its parser is cut, and says so", () => {
  const found = readContent(unwrap({ conversation: "x".repeat(500_000) }));
  expect(Buffer.byteLength(JSON.stringify(found?.content))).toBeLessThan(327_680);
  expect(messageContent.parse(found?.content)).toEqual(found?.content);
  expect(found).toMatchObject({ truncated: true, content: { kind: "text" } });
});

test("a vCard without its photo is not truncated", () => {
  const vcard = `FN:Ada\nPHOTO:${"A".repeat(20_000)}\nTEL:1`;
  const found = read(encode({ contactMessage: { displayName: "Ada", vcard } }));
  expect(found?.truncated).toBeUndefined();
  expect(found?.content).toMatchObject({ contacts: [{ vcard: "FN:Ada\nTEL:1" }] });
});

test.each(["constructor", "toString", "__proto__"])("a button that is named %s has the type other", (name) => {
  const found = read(encode({ interactiveMessage: { nativeFlowMessage: { buttons: [{ name }] } } }));
  expect(messageContent.parse(found?.content)).toMatchObject({ buttons: [{ type: "other", name }] });
});
