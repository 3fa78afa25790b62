/** Characters. The limit of URLs that callers give. */
const maxUrl = 2048;
/** Punctuation that ends a sentence and not a URL. */
const closing = new Set([...".,;:!?'\"”’»)]}>"]);

/** Returns the first http or https URL in a text, as the text spells it, or undefined. Takes linear time. */
export function firstLink(text: string): string | undefined {
  for (const [found] of text.matchAll(/\bhttps?:\/\/[^\s<>"]+/gi)) {
    let end = found.length;
    while (end > 0 && closing.has(found.charAt(end - 1))) end--;
    const url = found.slice(0, end);
    if (end <= maxUrl && URL.canParse(url)) return url;
  }
  return undefined;
}
