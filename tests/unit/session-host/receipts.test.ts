import { expect, test } from "vitest";
import { journalReceipt } from "../../../session-host/inbound/receipts.ts";

const context = { isMe: () => false, jidsOf: async (jid: string) => [jid] };
const receipt = (attrs: Record<string, string>) => ({ tag: "receipt", attrs: { t: "1700000000", ...attrs } });

test("a receipt marks a message as sent, even without an acknowledgement", async () => {
  const by = "4915550000002@s.whatsapp.net";
  const change = await journalReceipt(receipt({ id: "A", from: by }), context);
  const origin = { chats: [by], people: [by] };
  const steps = [{ waIds: ["A"], status: "delivered", by, timestamp: 1_700_000_000, ...origin }];
  expect(change).toEqual({ acks: [{ waId: "A", receipt: origin }], progress: steps });
});

test("a retry receipt means that the message was not received", () => {
  expect(journalReceipt(receipt({ id: "A", from: "1@s.whatsapp.net", type: "retry" }), context)).toBeUndefined();
});
