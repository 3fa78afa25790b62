import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** Returns the project's Markdown files that people read, as paths from the root of the project. */
export function markdownFiles(): string[] {
  const docs = readdirSync("docs", { recursive: true, encoding: "utf8" }).map((name) => join("docs", name));
  const others = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "simulator/README.md"];
  return [...others.filter((file) => existsSync(file)), ...docs.filter((file) => file.endsWith(".md"))].sort();
}

export const read = (file: string) => readFileSync(file, "utf8");

/** Returns the text without its code blocks. */
export const withoutBlocks = (markdown: string) => markdown.replaceAll(/^```.*?^```$/gms, "");

/** Returns the anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutBlocks(markdown).matchAll(/^#+ (.*)$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = text.replaceAll(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-");
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Returns the targets of a page that are local files: links, images, and images in HTML. */
export function localLinks(markdown: string): string[] {
  const text = withoutBlocks(markdown).replaceAll(/`[^`\n]*`/g, "");
  const links = [...text.matchAll(/\]\(([^)\s]+)[^)]*\)/g), ...text.matchAll(/\b(?:src|href)="([^"]+)"/g)];
  return links.map(([, target = ""]) => target).filter((target) => !/^[a-z]+:/.test(target));
}

/** Returns why a link is broken, or undefined if its target exists. */
export function brokenLink(file: string, target: string): string | undefined {
  const [path = "", anchor] = target.split("#");
  const to = path === "" ? file : normalize(join(dirname(file), decodeURI(path)));
  if (to.startsWith("..") || !existsSync(to)) return `${file}: ${target} doesn't exist`;
  if (anchor === undefined) return undefined;
  if (statSync(to).isDirectory() || !to.endsWith(".md")) return `${file}: ${target} has an anchor but isn't a page`;
  return anchorsOf(read(to)).has(anchor) ? undefined : `${file}: ${target} has no such heading`;
}
