import { expect, test } from "vitest";
import { journalReceipt } from "../../../session-host/inbound/receipts.ts";

const receipt = (attrs: Record<string, string>) => ({ tag: "receipt", attrs: { t: "1700000000", ...attrs } });

test("a receipt marks a message as sent, even without an acknowledgement", () => {
  const change = journalReceipt(receipt({ id: "A", from: "4915550000002@s.whatsapp.net" }), () => false);
  const steps = [{ waIds: ["A"], status: "delivered", by: "4915550000002@s.whatsapp.net", timestamp: 1_700_000_000 }];
  expect(change).toEqual({ acks: [{ waId: "A" }], progress: steps });
});

test("a retry receipt means that the message was not received", () => {
  expect(journalReceipt(receipt({ id: "A", from: "1@s.whatsapp.net", type: "retry" }), () => false)).toBeUndefined();
});
