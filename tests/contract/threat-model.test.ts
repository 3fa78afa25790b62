import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { read } from "../support/docs/markdown.ts";

const page = read("docs/operations/security.md");
const threats = page.slice(page.indexOf("## Threats"));

/** Returns the rows of the threat tables, without their heads. */
const rows = threats.split("\n").filter((line) => /^\| (?!threat \||---)/.test(line));

/** Returns the tests that a row names, as `file`: "name". */
function namedTests(row: string): { file: string; name: string }[] {
  return [...row.matchAll(/`(tests\/[\w./-]+\.test\.ts)`: "([^"|]+)"/g)].map(([, file = "", name = ""]) => ({
    file,
    name,
  }));
}

/** Whether a file has a test with the name. The name is written as in the source, so `%s` stands for itself. */
function hasTest({ file, name }: { file: string; name: string }): boolean {
  if (!existsSync(file)) return false;
  const source = read(file);
  return ['"', "'", "`"].some((quote) => source.includes(`${quote}${name}${quote}`));
}

test("the threat model has a row for every threat, and each row names a test", () => {
  expect(rows.length).toBeGreaterThan(30);
  expect(rows.filter((row) => namedTests(row).length === 0)).toEqual([]);
});

test("every test that the threat model names exists", () => {
  expect(rows.flatMap(namedTests).filter((named) => !hasTest(named))).toEqual([]);
});

test("a test that is missing in its file, or whose file is missing, is reported", () => {
  const file = "tests/contract/threat-model.test.ts";
  expect(hasTest({ file, name: "every test that the threat model names exists" })).toBe(true);
  expect(hasTest({ file, name: ["no such", "test"].join(" ") })).toBe(false);
  expect(hasTest({ file: "tests/contract/missing.test.ts", name: "any" })).toBe(false);
});
