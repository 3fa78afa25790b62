import { expect, test } from "vitest";
import { readCard } from "../../../session-host/inbound/content/person/vcard.ts";

const read = (card: string, displayName = "") =>
  readCard({ displayName, card, limit: 10_000, noteCut: () => undefined });

test("a vCard without a name of its own is named by FN, and otherwise by N", () => {
  expect(read("FN:Ada\nN:Lovelace;A;;;").name).toBe("Ada");
  expect(read("N:Lovelace;Ada;;;").name).toBe("Ada Lovelace");
  expect(read("FN:Ada", "Countess").name).toBe("Countess");
});

test("a vCard of an old Android phone is read", () => {
  expect(read("VERSION:2.1\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:J=C3=BCrgen\nTEL;CELL:0155 1")).toMatchObject({
    name: "Jürgen",
    numbers: [{ number: "0155 1", type: "CELL", whatsappNumber: null }],
  });
});

test.each([
  ["a soft line break", "FN;ENCODING=QUOTED-PRINTABLE:=D0=9F=D1=80=\n=D0=B8\nTEL:1", "При"],
  ["several of them", "FN;encoding=quoted-printable:=D0=9F=\r\n=D1=80=\r\n=D0=B8\r\nTEL:1", "При"],
  ["a space after it", "FN;ENCODING=QUOTED-PRINTABLE:Ada=\n Lovelace\nTEL:1", "Ada Lovelace"],
  ["one in the last line", "TEL:1\nFN;ENCODING=QUOTED-PRINTABLE:Ada=", "Ada"],
  ["an equals sign in text without an encoding", "FN:Ada=\nTEL:1", "Ada="],
])("a quoted-printable name is read with %s", (_name, card, name) => {
  expect(read(card)).toMatchObject({ name, numbers: [{ number: "1" }] });
});

test("a vCard with folded lines, groups and escapes is read", () => {
  expect(
    read("FN:Ada\\, Countess\r\n  of Lovelace\r\nitem1.TEL;TYPE=WORK;waid=491:+49\r\n  1\r\nORG:A;B"),
  ).toMatchObject({
    name: "Ada, Countess of Lovelace",
    numbers: [{ number: "+49 1", type: "WORK", whatsappNumber: "491" }],
    organization: "A B",
  });
});

test("the photo of a vCard is left out", () => {
  const { vcard } = read("FN:Ada\nPHOTO;BASE64:AAAA\n BBBB\n CCCC\nTEL:1");
  expect(vcard).toBe("FN:Ada\nTEL:1");
});

test.each(["", ":", ";;;:", "TEL", "TEL;waid=:", "FN;ENCODING=QUOTED-PRINTABLE:=ZZ=", "\n \n \n"])(
  "a malformed vCard does not fail: %j",
  (card) => {
    expect(read(card).vcard).toBeTypeOf("string");
  },
);
