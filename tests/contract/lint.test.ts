import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";

interface Border {
  includes: string[];
  linter: {
    rules: { style: { noRestrictedImports: { options: { patterns: { group: string[]; message: string }[] } } } };
  };
}

/** Expands the `{…}` of a glob into several globs. */
function expand(glob: string): string[] {
  const [whole, choices] = /\{([^}]*)\}/.exec(glob) ?? [];
  if (!whole || !choices) return [glob];
  return choices.split(",").flatMap((choice) => expand(glob.replace(whole, choice)));
}

/** Runs `npm run lint`'s linter on a tree with these files and the project's configuration. Returns the rules that each file breaks. */
function lint(files: Record<string, string>): Map<string, string[]> {
  const tree = mkdtempSync(join(tmpdir(), "switchboard-lint-"));
  onTestFinished(() => rmSync(tree, { recursive: true, force: true }));
  for (const name of ["biome.json", "biome.borders.json"]) cpSync(name, join(tree, name));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), text);
  }
  const biome = resolve("node_modules/.bin/biome");
  const flags = ["--vcs-enabled=false", "--reporter=json", "--max-diagnostics=none"];
  const { stdout, stderr, status } = spawnSync(biome, ["lint", ...flags, "."], {
    cwd: tree,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  expect({ status, stderr }).toMatchObject({ status: 1 });
  const broken = new Map(Object.keys(files).map((file): [string, string[]] => [file, []]));
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { category: string; location: { path: string } }[] };
  for (const { category, location } of diagnostics) broken.get(location.path)?.push(category);
  return broken;
}

const cycle = "lint/suspicious/noImportCycles";
const border = "lint/style/noRestrictedImports";

test("lint fails on an import cycle, even if the imports are only types", () => {
  const broken = lint({
    "core/user/one.ts": 'import { other } from "./other.ts";\nexport const one = () => other;\n',
    "core/user/other.ts": 'import { one } from "./one.ts";\nexport const other = () => one;\n',
    "core/media/one.ts": 'import type { Other } from "./other.ts";\nexport type One = Other | 1;\n',
    "core/media/other.ts": 'import type { One } from "./one.ts";\nexport type Other = One[];\n',
    "core/media/apart.ts": 'import type { One } from "./one.ts";\nexport type Apart = One;\n',
  });
  expect(Object.fromEntries(broken)).toEqual({
    "core/user/one.ts": [cycle],
    "core/user/other.ts": [cycle],
    "core/media/one.ts": [cycle],
    "core/media/other.ts": [cycle],
    "core/media/apart.ts": [],
  });
});

test("lint fails on every import that biome.borders.json forbids", () => {
  const { overrides } = JSON.parse(readFileSync("biome.borders.json", "utf8")) as { overrides: Border[] };
  const files: Record<string, string[]> = {};
  for (const { includes, linter } of overrides) {
    const { group } = linter.rules.style.noRestrictedImports.options.patterns[0] ?? { group: [] };
    const crossing = group.filter((one) => !one.startsWith("!")).flatMap(expand);
    // The other prefixes (`../..`, …) are for deeper folders.
    const imports = crossing.filter((one) => !one.startsWith("../../")).map((one) => one.replace("**", "x.ts"));
    for (const place of includes.flatMap(expand)) {
      const folder = place.replace(/\/\*.*$/, "");
      const file = `${folder}/probe-${Object.keys(files).length}.${place.endsWith(".sql.ts") ? "sql.ts" : "ts"}`;
      files[file] = imports;
    }
  }
  const sources = Object.entries(files).map(([file, imports]) => [
    file,
    imports.map((target) => `import ${JSON.stringify(target)};\n`).join(""),
  ]);
  const broken = lint(Object.fromEntries(sources));
  for (const [file, imports] of Object.entries(files)) {
    const refused = broken.get(file)?.filter((rule) => rule === border);
    expect({ file, refused: refused?.length }).toEqual({ file, refused: imports.length });
  }
  expect(new Set(Object.keys(files).map((file) => file.split("/")[0]))).toEqual(
    new Set(["core", "functions", "session-host", "local", "simulator", "infra"]),
  );
});
