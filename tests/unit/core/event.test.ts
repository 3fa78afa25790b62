import { expect, test } from "vitest";
import { eventCatalog } from "../../../core/event/catalog/index.ts";
import { shownContext, unknownQuote } from "../../../core/message/context-fields.ts";

test("a message event stored before quotes and mentions existed is still readable", () => {
  const content = { messageId: "A", chatId: "1@s.whatsapp.net", type: "text", protoType: "conversation", body: "x" };
  const sent = { ...content, timestamp: 1, media: null, source: "api" };
  const added = { content: null, quoted: null, mentions: [], context: shownContext({}) };
  expect(eventCatalog["message.sent"].data.parse(sent)).toEqual({ ...sent, ...added });
  const sender = { senderId: "1@s.whatsapp.net", senderLid: null, pushName: null, isGroup: false, to: null };
  const received = { ...content, ...sender, timestamp: 1, media: null };
  expect(eventCatalog["message.received"].data.parse(received)).toEqual({ ...received, ...added });
  const quoted = { messageId: "B", senderId: null, body: "y" };
  expect(eventCatalog["message.sent"].data.parse({ ...sent, quoted }).quoted).toEqual({ ...quoted, ...unknownQuote });
});
