import { expect, test } from "vitest";
import { eventCatalog } from "../../../core/event/catalog/index.ts";

test("a message event stored before quotes and mentions existed is still readable", () => {
  const content = { messageId: "A", chatId: "1@s.whatsapp.net", type: "text", protoType: "conversation", body: "x" };
  const sent = { ...content, timestamp: 1, media: null, source: "api" };
  expect(eventCatalog["message.sent"].data.parse(sent)).toEqual({ ...sent, content: null, quoted: null, mentions: [] });
  const sender = { senderId: "1@s.whatsapp.net", senderLid: null, pushName: null, isGroup: false, to: null };
  const received = { ...content, ...sender, timestamp: 1, media: null };
  expect(eventCatalog["message.received"].data.parse(received)).toEqual({
    ...received,
    content: null,
    quoted: null,
    mentions: [],
  });
});
