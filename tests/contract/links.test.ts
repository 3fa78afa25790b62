import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { anchorsOf, brokenLink, localLinks, markdownFiles, read } from "../support/docs/markdown.ts";

test("every link leads to an existing file and heading", () => {
  const broken = markdownFiles().flatMap((file) =>
    localLinks(read(file)).flatMap((target) => brokenLink(file, target) ?? []),
  );
  expect(broken).toEqual([]);
});

test("a link to a missing file, a missing heading or a place outside the project is reported", () => {
  const page = "docs/README.md";
  const targets = ["nowhere.md", "README.md#nothing", "#nothing", "../../outside.md", "start#anchor"];
  expect(targets.filter((target) => !brokenLink(page, target))).toEqual([]);
  expect(brokenLink(page, "#documentation")).toBeUndefined();
});

test("links and headings in code blocks are ignored", () => {
  const page = "# A `b` c!\n\n## A b c\n\n[x](y.md) `[x](z.md)` ![i](i.svg)\n\n```sh\n# not this\n[x](code.md)\n```\n";
  expect(localLinks(page)).toEqual(["y.md", "i.svg"]);
  expect([...anchorsOf(page)]).toEqual(["a-b-c", "a-b-c-1"]);
});

test("every source file that a page names exists", () => {
  // A decision record doesn't change after it is accepted, and the changelog names former files.
  const pages = markdownFiles().filter((file) => !file.startsWith("docs/decisions/") && file !== "CHANGELOG.md");
  const folder = "(?:core|functions|session-host|local|simulator|infra|tests|docs)/";
  // A folder or a file in backquotes, and a file anywhere, as in a command to copy.
  const named = new RegExp(
    `\`(${folder}[\\w./-]*[\\w/])\`|(?<![\\w./-])(${folder}[\\w./-]+\\.(?:ts|mjs|md|service))\\b`,
    "g",
  );
  const missing = pages.flatMap((file) =>
    [...read(file).matchAll(named)]
      .map(([, path, anywhere]) => path ?? anywhere ?? "")
      .filter((path) => !existsSync(path))
      .map((path) => `${file}: ${path}`),
  );
  expect(missing).toEqual([]);
});
