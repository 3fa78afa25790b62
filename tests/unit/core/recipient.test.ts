import { expect, test } from "vitest";
import { destination, recipient, toChannelJid, toJid } from "../../../core/message/recipient.ts";

test.each([
  ["79001234567", "79001234567@s.whatsapp.net"],
  ["+7 900 123-45-67", "79001234567@s.whatsapp.net"],
  ["0079001234567", "79001234567@s.whatsapp.net"],
  ["+1 (415) 555.0100", "14155550100@s.whatsapp.net"],
  [" 6281234567890@s.whatsapp.net ", "6281234567890@s.whatsapp.net"],
  ["6281234567890:12@s.whatsapp.net", "6281234567890@s.whatsapp.net"],
  ["6281234567890@c.us", "6281234567890@s.whatsapp.net"],
  ["900000000000011@lid", "900000000000011@lid"],
  ["900000000000011:3@lid", "900000000000011@lid"],
  ["120363123456789012@g.us", "120363123456789012@g.us"],
  ["491701234567-1400000000@g.us", "491701234567-1400000000@g.us"],
])("%s is resolved to %s", (written, jid) => {
  expect(toJid(written)).toBe(jid);
});

test.each([
  "",
  "abc",
  "12345",
  "+0123456789",
  "1234567890123456",
  "0123456789",
  "x@s.whatsapp.net",
  "1@evil.example",
  "@g.us",
  "12345678\n@s.whatsapp.net",
])("%j is not a recipient", (written) => {
  expect(toJid(written)).toBeUndefined();
});

test("a channel is a destination but not a recipient", () => {
  const jid = "120363400000000001@newsletter";
  expect(toChannelJid("120363400000000001")).toBe(jid);
  expect(destination.parse(` ${jid} `)).toBe(jid);
  expect(destination.parse("+7 900 123-45-67")).toBe("79001234567@s.whatsapp.net");
  expect(recipient.safeParse(jid).error?.issues[0]?.message).toContain("channel");
  for (const bad of ["1@newsletter", "x@newsletter", "120363400000000001@newsletter.evil", "nobody"]) {
    expect(destination.safeParse(bad).success).toBe(false);
  }
});
