import { randomOf } from "../random.ts";

/** Seeded choices, so that a run can be repeated. */
export interface Choose {
  /** Returns a whole number from 0 and below `limit`. */
  upTo(limit: number): number;
  one<Item>(items: readonly Item[]): Item;
  chance(probability: number): boolean;
}

export function chooser(seed: number): Choose {
  const random = randomOf(seed);
  const upTo = (limit: number) => Math.floor(random() * limit);
  return {
    upTo,
    one: (items) => items[upTo(items.length)] as (typeof items)[number],
    chance: (probability) => random() < probability,
  };
}

const texts = [
  ...[
    "",
    "\u0000",
    "\u0000@lid",
    "\u0000@s.whatsapp.net",
    "@lid",
    "@g.us",
    "@newsletter",
    "status@broadcast",
    "0@s.whatsapp.net",
  ],
  ...["4915550000001:99@s.whatsapp.net", "1:-1@lid", "a:b:c@lid@g.us", "s.whatsapp.net", "x@hosted", "1@broadcast"],
  ...["__proto__", "constructor", "toString", "../../../etc/passwd", "<script>", "' or 1=1 --", "%s%n{{y}}"],
  ...["-1", "0", "1e309", "NaN", "99999999999999999999", "2147483648", "1.5", "true", "null"],
  ...["\uFFFE\uFFFF", "\u202E", "👩‍👩‍👧‍👦", "e\u0301".repeat(50), "\r\n\t", "a".repeat(129)],
];
/** Rare, because they make a run slow. */
const longTexts = [
  "1".repeat(6_000),
  `${"1".repeat(6_000)}@lid`,
  "\u0001".repeat(40_000),
  "한".repeat(70_000),
  "x".repeat(900_000),
];

/** Returns a text that programs often handle wrongly. */
export const oddText = (choose: Choose): string => choose.one(choose.chance(0.03) ? longTexts : texts);

export const oddBytes = (choose: Choose): Buffer =>
  choose.chance(0.85)
    ? Buffer.from(oddText(choose))
    : choose.one([
        Buffer.alloc(0),
        Buffer.from([0xed, 0xa0, 0xbd]),
        Buffer.from([0xff, 0xfe]),
        Buffer.alloc(32, 1),
        Buffer.alloc(33, 5),
      ]);
