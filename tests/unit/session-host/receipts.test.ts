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

test("one receipt can report several members of a group", async () => {
  const user = (jid: string, t: string) => ({ tag: "user", attrs: { jid, t } });
  const group = "120363000000000001@g.us";
  const stanza = {
    ...receipt({ id: "stanza", from: group, type: "read" }),
    content: [
      { tag: "participants", attrs: { key: "A" }, content: [user("1@lid", "1700000001"), user("2@lid", "1700000002")] },
      { tag: "participants", attrs: { key: "B" }, content: [user("1@lid", "1700000003")] },
    ],
  };
  const step = (id: string, by: string, timestamp: number) => {
    return { waIds: [id], status: "read", by, timestamp, chats: [group], people: [by] };
  };
  expect((await journalReceipt(stanza, context))?.progress).toEqual([
    step("A", "1@lid", 1_700_000_001),
    step("A", "2@lid", 1_700_000_002),
    step("B", "1@lid", 1_700_000_003),
  ]);
  expect(journalReceipt(receipt({ id: "A", from: group }), context)).toBeUndefined();
});

test("the number in a receipt from a LID is known, even if the session does not know it", async () => {
  const attrs = {
    id: "A",
    from: "120363000000000001@g.us",
    participant: "1:4@lid",
    participant_pn: "491@s.whatsapp.net",
  };
  const change = await journalReceipt(receipt(attrs), context);
  expect(change?.progress).toMatchObject([{ by: "1@lid", people: ["1@lid", "491@s.whatsapp.net"] }]);
});

test("a retry receipt means that the message was not received", () => {
  expect(journalReceipt(receipt({ id: "A", from: "1@s.whatsapp.net", type: "retry" }), context)).toBeUndefined();
});
