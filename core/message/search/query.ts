import { AppError } from "../../error.ts";
import { firstOf, type MatchMode, wordsOf } from "./words.ts";

/** Letters of a part in the index (`search_parts` in the migration). */
const partLength = 4;
const maxWords = 10;

/**
 * Returns the words of a query. Throws `invalid_request` if there are none or too many, or if one is too short for
 * `contains`, which would match almost every message.
 */
export function queryWords(text: string, mode: MatchMode, parameter = "q"): string[] {
  const words = wordsOf(text);
  if (words.length === 0)
    throw new AppError("invalid_request", `${parameter}: must have a letter, a digit or a picture`);
  if (words.length > maxWords)
    throw new AppError("invalid_request", `${parameter}: must have at most ${maxWords} words`);
  if (mode === "contains" && words.some((word) => /^[a-z0-9]$/.test(word))) {
    throw new AppError("invalid_request", "q: with match=contains, each word must have at least 2 letters");
  }
  return words;
}

/**
 * Returns the query of the index (`tsquery`) for messages that may have all words: those that have all parts of the words.
 * `key` is the key of the instance. The result finds more than the words only if a word has more than four letters.
 */
export const indexQuery = (key: string, words: readonly string[], mode: MatchMode): string =>
  words.map((word) => ofWord(key, [...word], mode)).join(" & ");

/** Whether the index alone can't tell which messages match. */
export const needsCheck = (words: readonly string[], mode: MatchMode): boolean =>
  mode === "word" || words.some((word) => [...word].length > partLength);

function ofWord(key: string, letters: readonly string[], mode: MatchMode): string {
  const parts: string[] = [];
  for (let at = partLength; at < letters.length; at += partLength) {
    // The last part overlaps the one before it, because a part inside a word has all of its letters.
    const from = Math.min(at, letters.length - partLength);
    parts.push(lexeme(key, letters.slice(from, from + partLength).join("")));
  }
  const first = firstOf(letters.join(""), partLength);
  const whole = letters.length >= partLength || mode === "word";
  const start = lexeme(key, `^${first}`, !whole);
  const beginning = mode === "contains" ? `(${start} | ${lexeme(key, first, !whole)})` : start;
  return [beginning, ...parts].join(" & ");
}

/** Words have neither quotes nor backslashes. */
const lexeme = (key: string, part: string, isPrefix = false) => `'${key}${part}'${isPrefix ? ":*" : ""}`;
