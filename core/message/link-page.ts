import { storableText } from "../text.ts";

/** The description of a web page: its Open Graph tags (https://ogp.me), otherwise HTML title and description. */
export interface PageInfo {
  title: string | undefined;
  description: string | undefined;
  /** URL of an image. */
  image: string | undefined;
}

/** How much of a page is searched for tags, which are in the page's head. Bytes, and characters. */
export const maxHead = 512 * 1024;
/** Characters. */
const maxLengths = { title: 300, description: 1000 };

/** The `property` or `name` of tags that are used. */
const used = new Set([
  ...["og:title", "twitter:title", "og:description", "description"],
  ...["og:image", "og:image:url", "twitter:image"],
]);

/**
 * Reads the head of the HTML page at `url`. The page is untrusted: the reader only moves forward, so its time is
 * proportional to the size of the page.
 */
export function readPage(html: string, url: string): PageInfo {
  const reader = new TagReader(html.slice(0, maxHead));
  const tags = new Map<string, string>();
  let htmlTitle: string | undefined;
  for (let tag = reader.next(); tag; tag = reader.next()) {
    if (tag.name === "title") htmlTitle ??= reader.text(2000) || undefined;
    const key = (tag.attributes.get("property") ?? tag.attributes.get("name"))?.toLowerCase();
    const content = tag.attributes.get("content");
    if (tag.name === "meta" && key && content && used.has(key) && !tags.has(key)) tags.set(key, content);
  }
  const image = tags.get("og:image") ?? tags.get("og:image:url") ?? tags.get("twitter:image");
  return {
    title: plain(tags.get("og:title") ?? tags.get("twitter:title") ?? htmlTitle, maxLengths.title),
    description: plain(tags.get("og:description") ?? tags.get("description"), maxLengths.description),
    image: image === undefined ? undefined : absolute(plain(image, 2048), url),
  };
}

interface Tag {
  /** In lower case. */
  name: string;
  /** Values by name in lower case. The first of several attributes with one name counts. */
  attributes: ReadonlyMap<string, string>;
}

const isSpace = (char: string) => char === " " || char === "\n" || char === "\t" || char === "\r" || char === "\f";
/** Characters of a tag name that are compared, and of the value of an attribute that are kept. */
const maxName = 32;
const maxValue = 4000;

/** Reads the start tags of a page in order. No character is read more than a few times. */
class TagReader {
  readonly #html: string;
  #at = 0;

  constructor(html: string) {
    this.#html = html;
  }

  /** Returns the next start tag, without those in comments. */
  next(): Tag | undefined {
    for (;;) {
      this.#skipTo("<");
      if (this.#ended) return undefined;
      if (this.#html.startsWith("<!--", this.#at)) {
        this.#skipTo("-->");
        continue;
      }
      this.#at++;
      const isStartTag = /[A-Za-z]/.test(this.#html.charAt(this.#at));
      if (!isStartTag) continue;
      const name = this.#word();
      const attributes = this.#attributes();
      return attributes && { name, attributes };
    }
  }

  /** Returns the text up to the next tag, at most `max` characters. */
  text(max: number): string {
    const start = this.#at;
    this.#skipTo("<");
    return this.#html.slice(start, Math.min(this.#at, start + max));
  }

  get #ended(): boolean {
    return this.#at >= this.#html.length;
  }

  /** Moves to the next place of a text, or to the end. */
  #skipTo(text: string): void {
    const found = this.#html.indexOf(text, this.#at);
    this.#at = found === -1 ? this.#html.length : found;
  }

  #skipSpace(): void {
    while (!this.#ended && isSpace(this.#html.charAt(this.#at))) this.#at++;
  }

  /** Reads up to a character that ends the name of a tag or an attribute. Returns the name in lower case. */
  #word(): string {
    const start = this.#at;
    for (; !this.#ended; this.#at++) {
      const char = this.#html.charAt(this.#at);
      if (isSpace(char) || char === "/" || char === ">" || char === "=") break;
    }
    return this.#html.slice(start, Math.min(this.#at, start + maxName)).toLowerCase();
  }

  /** Reads the attributes of a tag and its end. Returns undefined if the page ends in the tag. */
  #attributes(): Map<string, string> | undefined {
    const attributes = new Map<string, string>();
    for (;;) {
      this.#skipSpace();
      if (this.#ended) return undefined;
      const char = this.#html.charAt(this.#at);
      if (char === ">" || char === "/" || char === "=") {
        this.#at++;
        if (char === ">") return attributes;
        continue;
      }
      const name = this.#word();
      const value = this.#value();
      const isUsed = name === "property" || name === "name" || name === "content";
      if (isUsed && !attributes.has(name)) attributes.set(name, value);
    }
  }

  /** Reads the value of an attribute, if there is one. A value without its closing quote extends to the end. */
  #value(): string {
    this.#skipSpace();
    if (this.#html.charAt(this.#at) !== "=") return "";
    this.#at++;
    this.#skipSpace();
    const quote = this.#html.charAt(this.#at);
    const isQuoted = quote === '"' || quote === "'";
    if (isQuoted) this.#at++;
    const start = this.#at;
    if (isQuoted) this.#skipTo(quote);
    else
      while (!this.#ended && !isSpace(this.#html.charAt(this.#at)) && this.#html.charAt(this.#at) !== ">") this.#at++;
    const value = this.#html.slice(start, Math.min(this.#at, start + maxValue));
    if (isQuoted) this.#at++;
    return value;
  }
}

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

/** Returns the text in one line, or undefined if it is empty. */
function plain(html: string | undefined, length: number): string | undefined {
  const text = (html ?? "")
    .replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,6}));/gi, (whole, decimal, hex, name) => {
      if (name) return entities[name.toLowerCase()] ?? whole;
      const code = decimal ? Number(decimal) : Number.parseInt(hex, 16);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "";
    })
    .replace(/\s+/g, " ")
    .trim();
  return storableText(text.slice(0, length)) || undefined;
}

function absolute(link: string | undefined, base: string): string | undefined {
  if (link === undefined || !URL.canParse(link, base)) return undefined;
  const url = new URL(link, base);
  return /^https?:$/.test(url.protocol) ? url.href : undefined;
}
