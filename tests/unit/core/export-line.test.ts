import { describe, expect, test } from "vitest";
import { type ExportedMessage, textLine } from "../../../core/message/export/lines.ts";

const message: ExportedMessage = {
  ...{ id: "1", instanceId: "2", waId: "A", chatId: "120363000000000000@g.us", fromMe: false },
  ...{
    senderId: "4915550000077@s.whatsapp.net",
    senderLid: null,
    pushName: null,
    name: null,
    type: "text",
    body: "hi",
  },
  ...{
    content: null,
    context: null,
    media: null,
    status: "received",
    error: null,
    reactions: [],
    pin: null,
    keep: null,
    waiting: null,
  },
  sentAt: new Date("2026-11-30T17:00:00Z"),
  ...{ deliveredAt: null, readAt: null, editedAt: null, deletedAt: null, createdAt: new Date(0) },
};
const time = "[2026-11-30 17:00:00 UTC]";
const line = (fields: Partial<ExportedMessage>) => textLine({ ...message, ...fields }, () => "https://x/file");
const image = (filename: string) =>
  ({ type: "image", media: { filename, state: "stored" }, body: "look" }) as Partial<ExportedMessage>;

describe("the line of a message for people", () => {
  test.each<[string, Partial<ExportedMessage>, string]>([
    ["the owner", { fromMe: true, senderId: "" }, "You: hi"],
    ["a number without a name", {}, "+4915550000077: hi"],
    ["a LID", { senderId: "123@lid", pushName: "Ann" }, "Ann (LID 123): hi"],
    ["a channel", { senderId: "", chatId: "9@newsletter" }, "9@newsletter: hi"],
    ["a person who calls themselves the owner", { pushName: "You" }, "You (+4915550000077): hi"],
    ["a chat that is titled like the owner", { name: "You" }, "You (+4915550000077): hi"],
    ["a name with a text", { pushName: "You: I agree" }, "You I agree (+4915550000077): hi"],
    ["colons of other scripts", { pushName: "You： I∶ agree꞉" }, "You I agree (+4915550000077): hi"],
    ["a number of somebody else", { pushName: "Bob (+49155)" }, "Bob +49155 (+4915550000077): hi"],
    ["brackets of other scripts", { pushName: "Bob（+49155）【x】<y>" }, "Bob +49155 x y (+4915550000077): hi"],
    [
      "line breaks",
      { pushName: `a\n\v\f\r\u001c\u0085\u2028${time} You: b` },
      `a 2026-11-30 17 00 00 UTC You b (+4915550000077): hi`,
    ],
    ["changes of direction", { pushName: "\u202eYou\u2066\u200f" }, "You (+4915550000077): hi"],
    ["invisible characters only", { pushName: "\u200b\u202e \u2060" }, "+4915550000077: hi"],
    [
      "a file name with a text",
      image("a.png>: no\u202e\n[x] You: yes"),
      "+4915550000077 <image a.png no x You yes https://x/file>: look",
    ],
  ])("shows who sent it: %s", (_, fields, shown) => {
    expect(line(fields)).toBe(`${time} ${shown}`);
  });

  test.each([..."\n\v\f\r\u001c\u001d\u001e\u0085\u2028\u2029", "\r\n"])(
    "indents what follows the line break %j",
    (end) => {
      expect(line({ body: `a${end}${time} You: b` })).toBe(`${time} +4915550000077: a\n    ${time} You: b`);
    },
  );

  test("removes changes of direction, and replaces characters that control a terminal", () => {
    const body = "a\u202eb\u2067c\u2069\u001b[2K\u009b1A\b\td\u200d";
    expect(line({ body })).toBe(`${time} +4915550000077: abc\ufffd[2K\ufffd1A\ufffd\td\u200d`);
  });

  test("has notes and the file before the text, where no text can imitate them", () => {
    const at = new Date();
    expect(line({ editedAt: at })).toBe(`${time} +4915550000077 (edited): hi`);
    expect(line({ body: "hi (edited)" })).toBe(`${time} +4915550000077: hi (edited)`);
    expect(line({ body: "<image a.png>" })).toBe(`${time} +4915550000077: <image a.png>`);
    expect(line({ fromMe: true, status: "failed", type: "poll", body: "" })).toBe(`${time} You (failed) <poll>:`);
  });
});
