import { expect, test } from "vitest";
import { maxHead, readPage } from "../../../core/message/link-page.ts";

const at = (html: string) => readPage(html, "https://example.com/a/b");

test("Open Graph tags precede the title and the description of the page", () => {
  const html = `<!doctype html><html><head><title lang="en">Page</title>
    <meta name="description" content="plain">
    <meta property="og:title" content="Tea &amp; cake &#9749;"><META CONTENT='for "two"' PROPERTY=og:description />
    <meta content=/tea.jpg property="og:image"/></head>`;
  expect(at(html)).toEqual({
    title: "Tea & cake ☕",
    description: 'for "two"',
    image: "https://example.com/tea.jpg",
  });
});

test.each([
  ["the first of two tags counts", "<meta name=og:title content=a><meta name=og:title content=b>", "a"],
  ["a tag without content doesn't count", "<meta property=og:title><title>b</title>", "b"],
  ["a tag in a comment doesn't count", "<!-- <title>a</title> --><title>b</title>", "b"],
  ["a value may contain >", '<meta property="og:title" content="1 > 0">', "1 > 0"],
  ["spaces around = don't matter", '<meta property = "og:title"\n content\t=\t"a">', "a"],
  ["the first of two attributes counts", "<meta property=og:title content=a content=b>", "a"],
  ["a name that only begins like meta doesn't count", "<metadata property=og:title content=a><title>b</title>", "b"],
  ["an extra < doesn't hide a tag", "<<title>a</title>", "a"],
  ["spaces and NUL are cleaned", "<title>\n a \u0000 &#xd800;\n b&#0; </title>", "a \ufffd \ufffd b"],
  ["a page without a title has none", "<p>hello", undefined],
  ["a value without its quote extends to the end", '<meta property=og:title content="a <title>b</title>', undefined],
])("%s", (_what, html, title) => {
  expect(at(html).title).toBe(title);
});

test("an image of another scheme than HTTP is ignored", () => {
  for (const url of ["javascript:alert(1)", "data:image/png;base64,AA", "file:///etc/passwd", "//"]) {
    expect(at(`<meta property=og:image content="${url}">`).image).toBeUndefined();
  }
});

test.each([
  "<meta ",
  "<meta\t",
  "<meta a='",
  '<meta content="x" ',
  "<title",
  "<title>",
  "<title a>",
  "<!--",
  "<!",
  "<",
  "< ",
  "=",
  "a=",
  "<a b=c ",
  "&#1",
  "&amp",
  " property=' ",
])("a page of half a megabyte of %j is read at once", (unit) => {
  const html = unit.repeat(maxHead / unit.length);
  for (const page of [html, `<meta property=og:title content="${html}`, `<title>${html}`]) {
    const start = performance.now();
    at(page);
    // A quadratic reader takes minutes.
    expect(performance.now() - start).toBeLessThan(1500);
  }
});
