import { type Migration, withoutComments } from "../../../core/db/migration-file.ts";

interface Rule {
  breaks: RegExp;
  says: string;
}

/** Forbidden in every migration: these read or write the whole table while they lock it. */
const always: readonly Rule[] = [
  {
    breaks: /\balter\s+column\s+\S+\s+(?:set\s+data\s+)?type\b/i,
    says: "changes the type of a column, which rewrites the table",
  },
  {
    breaks:
      /\badd\s+column\b[^;]*\b(?:(?:small|big)?serial|generated\s+(?:always|by\s+default)\s+as|default\s+(?!now\b)[\w.]+\s*\()/i,
    says: "adds a column whose value is computed for each row, which rewrites the table",
  },
  {
    breaks: /\bset\s+not\s+null\b/i,
    says: "reads the whole table under a lock: add a CHECK … NOT VALID and validate it",
  },
  {
    breaks:
      /\badd\s+constraint\b(?:(?!not\s+valid|;)[\s\S])*\b(?:check|foreign\s+key)\b(?:(?!not\s+valid)[^;])*(?:;|$)/i,
    says: "checks the whole table under a lock: add the constraint NOT VALID, and validate it in a step of its own",
  },
  {
    breaks: /\badd\s+(?:constraint\s+\S+\s+)?(?:primary\s+key|unique)\b(?!\s+using\s+index)/i,
    says: "builds an index under a lock: build it CONCURRENTLY, and add the constraint USING INDEX",
  },
  {
    breaks: /\bset\s+(?:logged|unlogged|tablespace)\b|\bcluster\b|\bvacuum\s+full\b|\btruncate\b/i,
    says: "rewrites or empties the table under a lock",
  },
  { breaks: /\breindex\b(?!\s+(?:index|table)\s+concurrently)/i, says: "rebuilds an index under a lock" },
  { breaks: /\block\s+table\b/i, says: "locks a table" },
];

const drops: Rule = {
  breaks: /\bdrop\s+(?:index|table|column|constraint|trigger|function|type|sequence|view)\b|\brename\b/i,
  says: "drops or renames what the previous version uses: do it in a migration with the line `-- contract`",
};

/** Returns what a migration does that would delay or break the previous version, one text per problem. */
export function problemsOf({ tag, contract, steps }: Migration): string[] {
  const created = new Set<string>();
  return steps.flatMap(({ kind, sql }, index) => {
    // The bodies of functions run later.
    const text = withoutComments(sql).replaceAll(/\$(\w*)\$[\s\S]*?\$\1\$/g, "''");
    for (const [, name] of text.matchAll(/\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?"?(\w+)"?/gi))
      created.add(name ?? "");
    const isNew = (table = "") => created.has(table.replaceAll(/"|public\.|;/g, ""));
    const altered = /\balter\s+table\s+(?:only\s+)?(\S+)/i.exec(text)?.[1];
    const found =
      altered && isNew(altered) ? [] : always.filter(({ breaks }) => breaks.test(text)).map(({ says }) => says);
    if (drops.breaks.test(text) && !contract) found.push(drops.says);
    if (/\bdrop\b/i.test(text) && !/\bif\s+exists\b/i.test(text))
      found.push("drops without IF EXISTS, so it can't be repeated");
    if (/\badd\s+column\b(?!\s+if\s+not\s+exists)/i.test(text)) found.push("adds a column without IF NOT EXISTS");
    const built = /\bcreate\s+(?:unique\s+)?index\b(?!\s+concurrently)[\s\S]*?\bon\s+(?:only\s+)?(\S+)/i.exec(
      text,
    )?.[1];
    if (built && !isNew(built)) found.push("builds an index without CONCURRENTLY");
    if (/\bdrop\s+index\b(?!\s+concurrently)/i.test(text)) found.push("drops an index without CONCURRENTLY");
    if (kind === "concurrent" && !/^[^;]*;?\s*$/.test(text)) found.push("has another statement beside CONCURRENTLY");
    if (kind === "concurrent" && !/\bif\s+(?:not\s+)?exists\b/i.test(text))
      found.push("is CONCURRENTLY without IF [NOT] EXISTS");
    const writes = /^\s*(?:update|delete|merge|with|insert[\s\S]*\bselect\b)/im.test(text);
    if (writes && kind !== "slices")
      found.push("changes rows without slices: put `-- slices` above a query that changes a few");
    if (kind === "slices" && !/\$1\b/.test(sql)) found.push("has slices that don't continue at $1");
    if (/\bcreate\s+trigger\b/i.test(text)) found.push("creates a trigger without OR REPLACE");
    return found.map((problem) => `${tag}, step ${index + 1}: ${problem}`);
  });
}
