import type { Highlight } from "./words.ts";

/** The texts that a caller wants around the matches. */
export interface Marks {
  start: string;
  end: string;
}

/** Characters of an excerpt, and of those before its first match. */
const length = 240;
const before = 60;

/**
 * Returns the part of a text around its first match as HTML: the text is escaped, and the matches have the caller's marks.
 */
export function excerptOf(text: string, highlights: readonly Highlight[], marks: Marks): string {
  const from = boundary(text, Math.max(0, (highlights[0]?.start ?? 0) - before));
  const to = boundary(text, Math.min(text.length, from + length));
  let html = from > 0 ? "…" : "";
  let at = from;
  for (const { start, length: size } of highlights) {
    if (start < at) continue;
    if (start + size > to) break;
    html += `${escaped(text.slice(at, start))}${marks.start}${escaped(text.slice(start, start + size))}${marks.end}`;
    at = start + size;
  }
  return `${html}${escaped(text.slice(at, to))}${to < text.length ? "…" : ""}`;
}

/** Moves a position out of a surrogate pair. */
const boundary = (text: string, at: number) => (/[\udc00-\udfff]/.test(text[at] ?? "") ? at - 1 : at);

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
