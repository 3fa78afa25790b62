import { proto } from "@whiskeysockets/baileys";
import { describe, expect, test } from "vitest";
import { messageContent, protobufOf, textOf } from "../../../core/message/content/index.ts";
import { boundMessage } from "../../../session-host/inbound/bounds.ts";
import { readContent } from "../../../session-host/inbound/content/index.ts";
import { furtherFields } from "../../../session-host/inbound/content/kinds.ts";
import { protocolTypes } from "../../../session-host/inbound/content/notice/protocol.ts";
import { unwrap } from "../../../session-host/inbound/content/unwrap.ts";
import { mediaOf } from "../../../session-host/inbound/message/content.ts";
import { businessCases } from "../../support/content/business.ts";
import { commerceCases } from "../../support/content/commerce.ts";
import { noticeCases } from "../../support/content/notice.ts";
import { socialCases } from "../../support/content/social.ts";

const cases = { ...businessCases, ...commerceCases, ...socialCases, ...noticeCases };

function read(message: proto.IMessage) {
  const encoded = proto.Message.encode(proto.Message.fromObject(message)).finish();
  const decoded = proto.Message.decode(encoded);
  boundMessage(decoded);
  const opened = unwrap(decoded, encoded);
  return { opened, found: readContent(opened) };
}

describe("the content, the body and the fields for clients of Baileys of", () => {
  test.each(Object.entries(cases))("%s", (_name, { message, protoType, content, body, protobuf }) => {
    const { found } = read(message);
    expect(found).toMatchObject({ protoType: protoType ?? Object.keys(message)[0], content });
    expect(found?.truncated).toBeUndefined();
    if (!found?.content) throw new Error("no content");
    expect(messageContent.parse(found.content)).toEqual(found.content);
    expect(textOf(found.content)).toBe(body);
    expect(protobufOf(found.content)).toMatchObject(protobuf ?? {});
  });
});

const parsedFields = Object.entries(furtherFields).flatMap(([field, parse]) =>
  typeof parse === "function" && field !== "protocolMessage" ? [field] : [],
);

test("every parsed field and every parsed type of protocol message has a case", () => {
  const read = Object.values(cases).map(({ message, protoType }) => protoType ?? Object.keys(message)[0]);
  expect(parsedFields.filter((field) => !read.includes(field))).toEqual([]);
  const types = Object.values(cases).map(({ message }) => unwrap(message).content.protocolMessage?.type);
  const parsed = Object.entries(protocolTypes).flatMap(([name, parse]) => (typeof parse === "function" ? [name] : []));
  const { Type } = proto.Message.ProtocolMessage;
  expect(parsed.filter((name) => !types.includes(Type[name as keyof typeof Type]))).toEqual([]);
});

test("every type of protocol message is parsed or ignored with a reason", () => {
  const names = Object.keys(proto.Message.ProtocolMessage.Type).filter((name) => Number.isNaN(Number(name)));
  expect(Object.keys(protocolTypes).sort()).toEqual(names.sort());
});

describe("a part without any field has content and a body that is not empty:", () => {
  test.each(parsedFields)("%s", (field) => {
    const { found } = read({ [field]: {} });
    if (!found?.content) throw new Error("no content");
    expect(messageContent.parse(found.content)).toEqual(found.content);
    expect(textOf(found.content)).not.toBe("");
    JSON.stringify(protobufOf(found.content));
  });
});

test("a form with long texts is complete", () => {
  const text = "A long answer. ".repeat(300);
  const paramsJson = JSON.stringify({ flow_token: "t", a: text, b: text, c: text });
  const { found } = read({
    interactiveResponseMessage: { nativeFlowResponseMessage: { name: "flow", paramsJson } },
  });
  expect(found?.content).toMatchObject({ fields: { flow_token: "t", a: text, b: text, c: text }, paramsJson });
  expect(found?.truncated).toBeUndefined();
});

describe("an id that a business chooses is unchanged, with 256 characters of any kind, in", () => {
  const id = "opción número 1 ✓ ".repeat(15).slice(0, 256);
  test.each<[string, proto.IMessage]>([
    ["a list", { listMessage: { sections: [{ rows: [{ rowId: id }] }] } }],
    ["buttons", { buttonsMessage: { buttons: [{ buttonId: id }] } }],
    [
      "a template",
      { templateMessage: { hydratedTemplate: { hydratedButtons: [{ quickReplyButton: { displayText: "1", id } }] } } },
    ],
    ["the choice of a row", { listResponseMessage: { singleSelectReply: { selectedRowId: id } } }],
    ["the choice of a button", { buttonsResponseMessage: { selectedButtonId: id } }],
    ["the choice in a template", { templateButtonReplyMessage: { selectedId: id } }],
    ["a product", { productMessage: { product: { retailerId: id } } }],
  ])("%s", (_name, message) => {
    expect(JSON.stringify(read(message).found?.content)).toContain(JSON.stringify(id));
  });
});

test.each([
  ["a deletion", { type: 0 }],
  ["keys for a linked device", { type: 6 }],
])("a protocol message with %s has no content", (_name, protocolMessage) => {
  expect(read({ protocolMessage }).found).toBeUndefined();
});

describe("the content of a hostile message has at most 300 kB, and says that it is cut:", () => {
  const long = "\u0001".repeat(2_000);
  const many = <Item>(item: Item) => Array.from({ length: 40 }, () => item);
  const row = { rowId: long, title: long, description: long };
  const paramsJson = JSON.stringify({
    display_text: long,
    id: long,
    url: long,
    sections: many({ title: long, rows: [] }),
  });
  const flow = { nativeFlowMessage: { buttons: many({ name: long, buttonParamsJson: paramsJson }) } };
  test.each<[string, proto.IMessage]>([
    ["a list", { listMessage: { title: long, description: long, sections: [{ title: long, rows: many(row) }] } }],
    ["a carousel", { interactiveMessage: { carouselMessage: { cards: many({ body: { text: long }, ...flow }) } } }],
    [
      "the answer of a bot",
      { richResponseMessage: { submessages: many({ messageText: long, tableMetadata: { title: long } }) } },
    ],
    [
      "the form of a flow",
      {
        interactiveResponseMessage: {
          nativeFlowResponseMessage: {
            paramsJson: JSON.stringify(Object.fromEntries(Array.from({ length: 200 }, (_one, index) => [index, long]))),
          },
        },
      },
    ],
    ["a sticker pack", { stickerPackMessage: { name: long, stickers: many({ fileName: long, emojis: many(long) }) } }],
  ])("%s", (_name, message) => {
    const { found } = read(message);
    expect(Buffer.byteLength(JSON.stringify(found?.content))).toBeLessThan(300_000);
    expect(found?.truncated).toBe(true);
  });
});

describe("the file of a message is the picture, film or document of its header:", () => {
  const file = { mediaKey: Buffer.alloc(32, 1), directPath: "/v/1", mimetype: "image/jpeg", fileLength: 7 };
  test.each<[string, proto.IMessage, string]>([
    ["a template", { templateMessage: { hydratedTemplate: { imageMessage: file } } }, "image"],
    [
      "a template under its older name",
      { templateMessage: { hydratedFourRowTemplate: { videoMessage: file } } },
      "video",
    ],
    ["a template with its parameters", { templateMessage: { fourRowTemplate: { documentMessage: file } } }, "document"],
    [
      "a template with an interactive message",
      { templateMessage: { interactiveMessageTemplate: { header: { imageMessage: file } } } },
      "image",
    ],
    [
      "a structured message",
      { highlyStructuredMessage: { hydratedHsm: { hydratedTemplate: { imageMessage: file } } } },
      "image",
    ],
    ["buttons", { buttonsMessage: { documentMessage: file } }, "document"],
    ["an interactive message", { interactiveMessage: { header: { videoMessage: file } } }, "video"],
    ["a voice note below it", { interactiveMessage: { footer: { audioMessage: file } } }, "audio"],
    [
      "the product in its header",
      { interactiveMessage: { header: { productMessage: { product: { productImage: file } } } } },
      "image",
    ],
    [
      "the first card with a file",
      { interactiveMessage: { carouselMessage: { cards: [{}, { header: { imageMessage: file } }] } } },
      "image",
    ],
    ["a product", { productMessage: { product: { productImage: file } } }, "image"],
    ["a catalog", { productMessage: { catalog: { catalogImage: file } } }, "image"],
    [
      "an invoice",
      { invoiceMessage: { attachmentType: 1, attachmentMediaKey: file.mediaKey, attachmentDirectPath: "/v/1" } },
      "document",
    ],
  ])("%s", (_name, message, kind) => {
    const { opened } = read(message);
    const media = mediaOf(opened.content, { instanceId: "i", rowId: "r", unencrypted: false });
    expect(media).toMatchObject({ state: "pending", source: { directPath: "/v/1", kind } });
  });
});
