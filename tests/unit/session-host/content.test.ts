import { proto } from "@whiskeysockets/baileys";
import { describe, expect, test } from "vitest";
import { messageContent, textOf } from "../../../core/message/content/index.ts";
import { readContent } from "../../../session-host/inbound/content/index.ts";
import { unnamedWrappers, unwrap, wrapperFields } from "../../../session-host/inbound/content/unwrap.ts";
import { contentCases } from "../../support/content/cases.ts";

const encode = (message: proto.IMessage) =>
  Buffer.from(proto.Message.encode(proto.Message.fromObject(message)).finish());
const read = (encoded: Uint8Array) => readContent(unwrap(proto.Message.decode(encoded), encoded));
/** Field 999 with the bytes "new", which no protobuf definition has. */
const newer = Buffer.from([0xba, 0x3e, 0x03, ...Buffer.from("new")]);

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
    for (const field of wrapperFields.slice(0, 18)) message = { [field]: { message } };
    const opened = unwrap(proto.Message.decode(encode(message)));
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
  ["300 contacts", { contactsArrayMessage: { contacts: Array(300).fill({ displayName: "Ada" }) } }],
])("content of which only the beginning is kept says so: %s", (_name, message) => {
  expect(read(encode(message))?.truncated).toBe(true);
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
