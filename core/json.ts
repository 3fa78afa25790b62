import { AppError } from "./error.ts";

/** Objects and lists inside each other. Deeper JSON would exhaust the stack of code that walks through it. */
const maxDepth = 64;

/**
 * Parses JSON from outside. `error` is set if `text` is not JSON (`malformed_json`) or is nested too deep
 * (`invalid_request`). For JSON that is too deep, `value` is set too, and its first level is safe to read. `what` names
 * the text in the error, which repeats no part of the text.
 */
export function readJson(text: string, what: string): { value: unknown; error: AppError | undefined } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { value: undefined, error: new AppError("malformed_json", `the ${what} is not JSON`) };
  }
  if (!isTooDeep(text)) return { value, error: undefined };
  return { value, error: new AppError("invalid_request", `the ${what} has more than ${maxDepth} nested levels`) };
}

/** Whether valid JSON has more nested objects and lists than allowed. */
function isTooDeep(json: string): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') at = endOfString(json, at);
    else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") depth -= 1;
    if (depth > maxDepth) return true;
  }
  return false;
}

/** Returns the position of the quotation mark that ends the string. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === "\\") backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
}
