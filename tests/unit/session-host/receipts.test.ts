import { expect, test } from "vitest";
import { journalReceipt } from "../../../session-host/inbound/receipts.ts";

const receipt = (attrs: Record<string, string>) => ({ tag: "receipt", attrs: { t: "1700000000", ...attrs } });

test("a receipt says that WhatsApp has the message, so what is delivered was sent, whatever became of the acknowledgement", () => {
  const change = journalReceipt(receipt({ id: "A", from: "4915550000002@s.whatsapp.net" }), () => false);
  const steps = [{ waIds: ["A"], status: "delivered", by: "4915550000002@s.whatsapp.net", timestamp: 1_700_000_000 }];
  expect(change).toEqual({ acks: [{ waId: "A" }], progress: steps });
});

test("who asks for a message again does not have it", () => {
  expect(journalReceipt(receipt({ id: "A", from: "1@s.whatsapp.net", type: "retry" }), () => false)).toBeUndefined();
});
