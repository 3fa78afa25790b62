import { AppError } from "./error.ts";

/** Objects and lists inside each other. Deeper JSON would exhaust the stack of code that walks through it. */
const maxDepth = 64;

/**
 * Fields and list items. A schema takes about a second for a million of them. The largest request is a bulk with 10,000
 * recipients, which can have 25 variables each.
 */
const maxValues = 250_000;

/**
 * Parses JSON from outside. `error` is set if `text` is not JSON (`malformed_json`), is nested too deep, or has too many
 * values (`invalid_request`). In the last two cases, `value` is set too, and its first level is safe to read. `what`
 * names the text in the error, which repeats no part of the text.
 */
export function readJson(text: string, what: string): { value: unknown; error: AppError | undefined } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { value: undefined, error: new AppError("malformed_json", `the ${what} is not JSON`) };
  }
  const excess = excessOf(text);
  return { value, error: excess ? new AppError("invalid_request", `the ${what} has more than ${excess}`) : undefined };
}

/** Returns what valid JSON has too much of, or undefined. */
function excessOf(json: string): string | undefined {
  let depth = 0;
  let commas = 0;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') at = endOfString(json, at);
    else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") depth -= 1;
    else if (character === ",") commas += 1;
    if (depth > maxDepth) return `${maxDepth} nested levels`;
    if (commas >= maxValues) return `${maxValues} values`;
  }
  return undefined;
}

/** Returns the number of fields and list items of JSON, or any number if the text is not JSON. Doesn't parse the text. */
export function countValues(json: string): number {
  let count = 1;
  for (let at = 0; at < json.length; at++) {
    if (json[at] === '"') at = endOfString(json, at);
    else if (json[at] === ",") count += 1;
  }
  return count;
}

/** Returns the position of the quotation mark that ends the string, or the length of the text if there is none. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    if (end < 0) return json.length;
    let backslashes = 0;
    while (json[end - 1 - backslashes] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
}
