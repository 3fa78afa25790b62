/**
 * How words of messages are compared. The SQL functions `search_fold` and `search_words` (see the migration) do the same;
 * a test compares them.
 */

/** Only so many characters of a text are searched, and only so many of a word. */
const maxText = 20_000;
const maxWord = 64;

/** Accents of European scripts, points of Hebrew, and vowel signs of Arabic. They are ignored. */
const ignoredMarks = /[\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670]+/g;

/** Variants of letters that Unicode doesn't decompose. */
const variants = /[ςøđłıħßæœ]/g;
const letters: Record<string, string> = {
  ...{ ς: "σ", ø: "o", đ: "d", ł: "l", ı: "i", ħ: "h" },
  ...{ ß: "ss", æ: "ae", œ: "oe" },
};

/** Folds case, accents and other variants of letters. */
export const fold = (text: string): string =>
  text
    .normalize("NFKD")
    .toLowerCase()
    .replace(ignoredMarks, "")
    .normalize("NFC")
    .replace(variants, (letter) => letters[letter] ?? letter);

/** Emojis and other pictures, except skin tones. Each is a word of its own. */
const pictures = String.raw`\u2600-\u27bf\u{1f000}-\u{1f3fa}\u{1f400}-\u{1faff}`;
/** Everything else that doesn't belong to a word: spaces, punctuation, symbols, variation selectors, skin tones. */
const separators = String.raw`\0-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7\u2000-\u206f\u2190-\u2bff\u3000-\u3004\u3008-\u3020\u3030\u303d\u30fb\ufe00-\ufe0f\ufe10-\ufe6f\uff00-\uff0f\u{1f000}-\u{1faff}`;
const word = new RegExp(`[${pictures}]|[^${separators}]+`, "gu");

/** The first `count` characters (code points) of a text. */
export const firstOf = (text: string, count: number): string =>
  text.length <= count ? text : [...text.slice(0, 2 * count)].slice(0, count).join("");

/** Returns the different words of a text, folded. */
export const wordsOf = (text: string): string[] => [
  ...new Set([...fold(firstOf(text, maxText)).matchAll(word)].map(([found]) => firstOf(found, maxWord))),
];

/**
 * `prefix`: a word of the message begins with the word of the query. `word`: it is equal. `contains`: it contains the word of
 * the query.
 */
export const matchModes = ["prefix", "word", "contains"] as const;
export type MatchMode = (typeof matchModes)[number];

/** A part of a text in UTF-16 code units, as strings in JavaScript, Java and C# count. */
export interface Highlight {
  start: number;
  length: number;
}

const maxHighlights = 100;

/** Returns the parts of a text that match a word of the query, in order and without overlaps; at most 100. */
export function highlightsOf(text: string, words: readonly string[], mode: MatchMode): Highlight[] {
  const { folded, starts, ends } = foldWithOffsets(firstOf(text, maxText));
  const found: { start: number; end: number }[] = [];
  for (const token of folded.matchAll(word)) {
    for (const query of words)
      for (const at of placesOf(token[0], query, mode)) {
        const first = token.index + at;
        found.push({ start: starts[first] ?? 0, end: ends[first + query.length - 1] ?? 0 });
      }
    if (found.length >= 2 * maxHighlights) break;
  }
  return merged(found).slice(0, maxHighlights);
}

function placesOf(token: string, query: string, mode: MatchMode): number[] {
  if (mode === "word") return firstOf(token, maxWord) === query ? [0] : [];
  if (mode === "prefix") return token.startsWith(query) ? [0] : [];
  const places: number[] = [];
  for (let at = token.indexOf(query); at >= 0; at = token.indexOf(query, at + query.length)) places.push(at);
  return places;
}

function merged(parts: { start: number; end: number }[]): Highlight[] {
  const result: { start: number; end: number }[] = [];
  for (const part of parts.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = result.at(-1);
    if (last && part.start < last.end) last.end = Math.max(last.end, part.end);
    else result.push({ ...part });
  }
  return result.map(({ start, end }) => ({ start, length: end - start }));
}

/** A character with its marks, or the parts of a Korean syllable. */
const cluster = /\P{M}[\p{M}\u1160-\u11ff]*|\p{M}+/gu;

/** Folds a text, and returns for each code unit of the result where its source begins and ends. */
function foldWithOffsets(text: string): { folded: string; starts: number[]; ends: number[] } {
  const cache = new Map<string, string>();
  const starts: number[] = [];
  const ends: number[] = [];
  let folded = "";
  for (const { 0: part, index } of text.matchAll(cluster)) {
    const result = cache.get(part) ?? fold(part);
    cache.set(part, result);
    folded += result;
    for (let unit = 0; unit < result.length; unit++) {
      starts.push(index);
      ends.push(index + part.length);
    }
  }
  return { folded, starts, ends };
}
