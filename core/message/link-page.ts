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

/** Reads the head of the HTML page at `url`. Every pattern is bounded, because the page is untrusted. */
export function readPage(html: string, url: string): PageInfo {
  const head = html.slice(0, maxHead);
  const tags = new Map<string, string>();
  for (const [tag] of head.matchAll(/<meta\s[^>]{1,4000}>/gi)) {
    const name = attribute(tag, "property") ?? attribute(tag, "name");
    const content = attribute(tag, "content");
    if (name && content && !tags.has(name.toLowerCase())) tags.set(name.toLowerCase(), content);
  }
  const htmlTitle = /<title[^>]{0,200}>([^<]{1,2000})/i.exec(head)?.[1];
  const image = tags.get("og:image") ?? tags.get("og:image:url") ?? tags.get("twitter:image");
  return {
    title: plain(tags.get("og:title") ?? tags.get("twitter:title") ?? htmlTitle, maxLengths.title),
    description: plain(tags.get("og:description") ?? tags.get("description"), maxLengths.description),
    image: image === undefined ? undefined : absolute(plain(image, 2048), url),
  };
}

function attribute(tag: string, name: "property" | "name" | "content"): string | undefined {
  const found = patterns[name].exec(tag);
  return found?.[1] ?? found?.[2];
}

const patterns = {
  property: /\sproperty\s{0,9}=\s{0,9}(?:"([^"]{0,4000})"|'([^']{0,4000})')/i,
  name: /\sname\s{0,9}=\s{0,9}(?:"([^"]{0,4000})"|'([^']{0,4000})')/i,
  content: /\scontent\s{0,9}=\s{0,9}(?:"([^"]{0,4000})"|'([^']{0,4000})')/i,
};

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
  return text.slice(0, length) || undefined;
}

function absolute(link: string | undefined, base: string): string | undefined {
  if (link === undefined || !URL.canParse(link, base)) return undefined;
  const url = new URL(link, base);
  return /^https?:$/.test(url.protocol) ? url.href : undefined;
}
