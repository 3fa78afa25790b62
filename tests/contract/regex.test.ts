import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAst } from "vitest/node";

/** Required instead of imported, so that the types of the project don't depend on it. */
const { analyse } = createRequire(import.meta.url)("scslre") as {
  analyse(regex: RegExp): { reports: { type: string; exponential: boolean }[] };
};

interface Pattern {
  place: string;
  source: string;
  flags: string;
}

interface Node {
  type: string;
  start: number;
  end: number;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";

function visit(value: unknown, onNode: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, onNode);
  if (!isNode(value)) return;
  onNode(value);
  for (const child of Object.values(value)) visit(child, onNode);
}

/** Returns the regular expressions of a module, and where it makes others from texts. */
function regexesOf(path: string): { patterns: Pattern[]; dynamic: string[] } {
  const text = readFileSync(path, "utf8");
  const patterns: Pattern[] = [];
  const dynamic: string[] = [];
  visit(parseAst(text, { lang: "ts" }, path), (node) => {
    const place = `${path}:${text.slice(0, node.start).split("\n").length}`;
    if ("regex" in node && node.regex) {
      const { pattern, flags } = node.regex as { pattern: string; flags: string };
      patterns.push({ place, source: pattern, flags });
    }
    const isCall = node.type === "NewExpression" || node.type === "CallExpression";
    if (isCall && "callee" in node && isNode(node.callee) && "name" in node.callee && node.callee.name === "RegExp") {
      dynamic.push(path);
    }
  });
  return { patterns, dynamic };
}

const modules = ["core", "functions", "session-host", "local"].flatMap((root) =>
  readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(root, name)),
);
const found = modules.map(regexesOf);
const patterns = found.flatMap((one) => one.patterns);

/** Returns why a regular expression may need more than linear time. */
function weaknesses({ source, flags }: Pattern): string[] {
  const reports = analyse(new RegExp(source, flags)).reports.map(
    ({ type, exponential }) => `${exponential ? "exponential" : "polynomial"} backtracking (${type})`,
  );
  // Each place of the text may cost as many steps as the count allows.
  const large = /\{\d+,(?:\d{4,})\}/.test(source) && !source.startsWith("^");
  return large ? [...reports, "a repetition of more than 999 that is not anchored"] : reports;
}

describe("regular expressions on untrusted text", () => {
  test("the check finds what is slow", () => {
    for (const source of ["(a|a)*$", "^(a+)+$", "\\s+$", "[?#].*$", "<meta\\s[^>]{1,4000}>", "^[^=]+=[^=]+@[^=]+$"]) {
      expect(weaknesses({ place: "", source, flags: "" }), source).not.toEqual([]);
    }
    expect(patterns.length).toBeGreaterThan(100);
  });

  test("every regular expression needs linear time", () => {
    const slow = patterns.map((pattern) => ({ ...pattern, weaknesses: weaknesses(pattern) }));
    expect(slow.filter((pattern) => pattern.weaknesses.length > 0)).toEqual([]);
  });

  test("regular expressions that are made from texts are known", () => {
    // Made from a port, fixed lists of characters, the digits of JIDs, a fixed list without repetitions, and a fixed pattern.
    expect([...new Set(found.flatMap((one) => one.dynamic))].sort()).toEqual([
      "core/http/browser.ts",
      "core/message/search/words.ts",
      "core/privacy/person.ts",
      "functions/api/dialects/gateway/index.ts",
      "functions/api/engine/open-key-generation.ts",
      "functions/api/shape/common.ts",
    ]);
  });
});
