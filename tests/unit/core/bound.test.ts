import { expect, test } from "vitest";
import { boundCount, boundId, boundJid, boundKey, boundText, isJid, jsonBytes } from "../../../core/bound.ts";
import { randomOf } from "../../support/random.ts";

test("counts each character as SQS counts it in a message of ours", () => {
  const all = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter((one) =>
    one.isWellFormed(),
  );
  for (const character of [...all, "😀", "\u{10FFFF}"]) {
    const sent = JSON.stringify(character).replaceAll("\uFFFE", "\\ufffe").replaceAll("\uFFFF", "\\uffff");
    const bytes = Buffer.byteLength(sent) - 2;
    expect([character.codePointAt(0), jsonBytes(character)]).toEqual([character.codePointAt(0), bytes]);
    if (character === "\u0000") continue;
    expect([character.codePointAt(0), boundText(character, bytes)]).toEqual([character.codePointAt(0), character]);
    expect([character.codePointAt(0), boundText(character, bytes - 1)]).toEqual([character.codePointAt(0), ""]);
  }
});

test("cuts a text to its limit in bytes, keeps as much as fits, and leaves it well-formed without NUL", () => {
  const random = randomOf(1);
  const characters = ["a", '"', "\n", "\u0001", "\u0000", "é", "한", "😀", "\uD83D", "\uDC00", "\uFFFF"];
  for (let round = 0; round < 2_000; round++) {
    const text = Array.from({ length: Math.floor(random() * 60) }, () => characters[Math.floor(random() * 11)]).join(
      "",
    );
    const limit = Math.floor(random() * 120);
    const bounded = boundText(text, limit);
    expect(jsonBytes(bounded)).toBeLessThanOrEqual(limit);
    expect(bounded.isWellFormed()).toBe(true);
    expect(bounded).not.toContain("\u0000");
    const whole = boundText(text, 1_000);
    expect(whole.startsWith(bounded)).toBe(true);
    if (bounded !== whole) expect(jsonBytes(bounded)).toBeGreaterThan(limit - 6);
  }
});

test("cuts a text of 16 MB in less than 100 ms of CPU time", () => {
  const text = "\u0001".repeat(16_000_000);
  const before = process.threadCpuUsage();
  expect(jsonBytes(boundText(text, 131_072))).toBe(131_070);
  const { user, system } = process.threadCpuUsage(before);
  expect((user + system) / 1000).toBeLessThan(100);
});

test.each(["3EB0C767D097B7C7C030", "A", "~!"])("keeps the id %j", (id) => expect(boundId(id)).toBe(id));

test.each(["\u0000", "a b", "x".repeat(129), "x".repeat(1_000_000), "ä", "\uD83D"])(
  "replaces an unusable id by a hash that stays the same and is an id itself",
  (id) => {
    expect(boundId(id)).toMatch(/^sha256-[0-9a-f]{64}$/);
    expect(boundId(id)).toBe(boundId(id));
    expect(boundId(boundId(id))).toBe(boundId(id));
    expect(boundId(`${id}x`)).not.toBe(boundId(id));
  },
);

test("replaces the user part of an unusable JID by a hash and keeps its server", () => {
  for (const jid of ["4915550000001@s.whatsapp.net", "1:2@lid", "1-2@g.us", "status@broadcast", "s.whatsapp.net"])
    expect(boundJid(jid)).toBe(jid);
  expect(boundJid("\u0000@lid")).toMatch(/^sha256-[0-9a-f]{64}@lid$/);
  expect(boundJid(`${"1".repeat(6_000)}@g.us`)).toMatch(/^sha256-[0-9a-f]{64}@g\.us$/);
  expect(boundJid("x".repeat(6_000))).toMatch(/^sha256-[0-9a-f]{64}@invalid$/);
  expect(["1@lid", "\u0000@lid", "@lid", "1".repeat(6_000), ""].map(isJid)).toEqual([true, false, false, false, false]);
});

test("hashes only the keys that an index can't store", () => {
  for (const key of ["__index", "120363@g.us::1_1::0", "AAAAAN/+ ="]) expect(boundKey(key)).toBe(key);
  for (const key of ["\u0000", "k".repeat(6_000), "한"]) expect(boundKey(key)).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test("accepts only whole numbers from 0 to the maximum", () => {
  expect(["5", 5n, 0, -1, 1.5, Number.NaN, 1e300, "", "x", 11].map((value) => boundCount(value, 10))).toEqual([
    5,
    5,
    0,
    ...Array(4).fill(null),
    0,
    null,
    null,
  ]);
});
