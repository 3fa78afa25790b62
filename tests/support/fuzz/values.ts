import type { Choices } from "./random.ts";

/** URLs of loopback or of addresses that the egress guard refuses. Requests to these leave no machine. */
const urls = [
  ...[
    "http://127.0.0.1:9/",
    "https://127.0.0.1:9/a.jpg?x=1#y",
    "http://[::1]:9/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
  ],
  ...["http://127.0.0.1:9@10.0.0.1/", "http://0x7f.1:9/", "javascript:alert(1)", "data:text/html,x", "http://", "//x"],
] as const;

const texts = [
  ...["", " ", "x", "0", "-1", "1.5", "1e400", "true", "null", "undefined", "NaN", "79001234567", "+7 (900) 123-45-67"],
  ...["79001234567@s.whatsapp.net", "123456789@lid", "120363000000000000@g.us", "120363000000000000@newsletter"],
  ...["status@broadcast", "@", "@g.us", "a@b@c", "0@s.whatsapp.net", "ann@example.com", "\u0000", "a\u0000b", "\ud800"],
  ...["\udfff\ud800", "\u202e\u2066", "\r\nx: y", "\u001b[2J", "٣٤٥", "é\u0301", "😀", "{{a}}", "%00", "%", "%ff"],
  ...["../..", "' or ''='", "'; drop table users; --", "__proto__", "constructor", "$where", "#{7*7}", "<script>"],
  ...["2023-01-01", "2023-13-45", "2023-01-01T00:00:00Z", "+275760-09-13T00:00:00.000Z", "-000001-01-01T00:00:00Z"],
  ...["9999-12-31T23:59:59.999-23:59", "0000-01-01T00:00:00Z", "UTC", "Etc/../UTC", "Europe/Berlin", "1.2.3.4/33"],
  ...["::/129", "::ffff:1.2.3.4/96", "0.0.0.0/0", "00000000-0000-0000-0000-000000000000", "x.fifo", "a.fifo"],
  ...["data:image/png;base64,iVBORw0KGgo=", "image/png", "audio/ogg; codecs=opus", "message.received", "\u{10ffff}"],
  ...urls,
] as const;

const units = [
  ...["a", "ж", "😀", "\u0000", "\u0001", "\u0301", " ", "\t", '"', "\\", "0", "9", "(", ")", "-", "+", ".", ",", "@"],
  ...[
    "a@",
    "{{a}}",
    "{{",
    "}}",
    "<meta ",
    "<",
    "&amp;",
    "[",
    "%2e",
    "http://",
    "/",
    "://",
    "\n",
    "\r\n",
    "a,",
    "1.2.3.4,",
  ],
] as const;

const numbers = [0, -0, 1, -1, 1.5, 59, 60_000, 2 ** 31, -(2 ** 31), 2 ** 53, 2 ** 63, 1e308, -1e308, 5e-324] as const;

/** Text that no validation should let cause an error or much work. */
export function hostileText(choices: Choices): string {
  if (choices.chance(0.75)) return choices.pick(texts);
  const length = choices.pick([2, 20, 200, 5_000, 70_000]);
  return choices.pick(units).repeat(length) + choices.pick(["", "x", "!", "\u0000"]);
}

/** A value of any JSON type. */
export function hostileValue(choices: Choices): unknown {
  switch (choices.int(10)) {
    case 0:
      return choices.pick(numbers);
    case 1:
      return choices.pick([null, true, false]);
    case 2:
      return choices.pick<unknown>([[], {}, [[]], [null], [{}], { length: 5 }, { toString: 1 }, { constructor: {} }]);
    case 3:
      return Array.from({ length: choices.pick([2, 50, 1_000, 20_000]) }, () => "79001234567");
    case 4:
      return nested(choices.pick([10, 63, 64, 2_000]));
    case 5:
      return Object.fromEntries(Array.from({ length: choices.pick([5, 500]) }, (_, n) => [`field${n}`, n]));
    default:
      return hostileText(choices);
  }
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 ? [value] : { a: value };
  return value;
}

/** Repeats a part of a body. The API refuses bodies over 6 MB before it reads them. */
const maxRepeated = 6_500_000;
const repeated = (value: unknown, times: number) =>
  Array.from({ length: Math.min(times, maxRepeated / ((JSON.stringify(value) ?? "").length + 1)) }, () => value);

/** Returns a copy of the value with one part replaced, removed, repeated or added. */
export function mutated(value: unknown, choices: Choices): unknown {
  if (typeof value !== "object" || value === null || choices.chance(0.1)) return hostileValue(choices);
  if (Array.isArray(value)) {
    const at = choices.int(value.length);
    if (value.length === 0 || choices.chance(0.2)) return [...value, hostileValue(choices)];
    if (choices.chance(0.2)) return repeated(value[at], choices.pick([2, 300, 20_000]));
    return value.map((part, index) => (index === at ? mutated(part, choices) : part));
  }
  const entries = Object.entries(value);
  const chosen = choices.some(entries);
  if (!chosen || choices.chance(0.1)) {
    return Object.fromEntries([...entries, [hostileText(choices), hostileValue(choices)]]);
  }
  if (choices.chance(0.1)) return Object.fromEntries(entries.filter(([name]) => name !== chosen[0]));
  return Object.fromEntries(entries.map(([name, part]) => [name, name === chosen[0] ? mutated(part, choices) : part]));
}

/** Returns bytes that may no longer be JSON or UTF-8. */
export function damaged(json: string, choices: Choices): Buffer {
  const bytes = Buffer.from(json);
  const at = choices.int(bytes.length + 1);
  switch (choices.int(6)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([choices.int(256)]), bytes.subarray(at)]);
    case 2:
      return Buffer.concat([Buffer.from("\ufeff"), bytes]);
    case 3:
      return Buffer.from("[".repeat(200_000) + "]".repeat(200_000));
    case 4:
      return Buffer.from(`{${`"a":1,`.repeat(choices.pick([2, 50_000]))}"a":1}`);
    default:
      return Buffer.from(json.replace(/\d+/, "1e99999"));
  }
}
