import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const page = fileURLToPath(new URL("../../../docs/operations/reliability.md", import.meta.url));

/** Replaces a section of docs/operations/reliability.md: the text between its two markers. Throws if they are missing. */
export function writeSection(name: string, text: string): void {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const before = readFileSync(page, "utf8");
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`reliability.md has no section ${name}`);
  writeFileSync(page, `${before.slice(0, from + begin.length)}\n${text.trim()}\n${before.slice(to)}`);
}
