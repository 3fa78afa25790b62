import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { commandCatalog } from "../../core/command/catalog/index.ts";
import * as registries from "../../session-host/executors/index.ts";
import { nameOf } from "../support/endpoint/case.ts";
import { gateway } from "../support/endpoint/dialect-tables.ts";
import { gatewayCases } from "../support/endpoint/gateway/index.ts";

const folders = ["core", "functions", "session-host", "local", "simulator", "infra", "tests"];
const page = readFileSync("docs/contributing.md", "utf8");
/** The code blocks of the page that are parts of files. */
const blocks = [...page.matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```$/gms)].map(([, file = "", code = ""]) => ({
  file,
  code,
}));

interface Tree {
  endpoints: string[];
  commands: string[];
  executors: string[];
  cases: string[];
}

const here: Tree = {
  endpoints: gateway.endpoints.map(nameOf),
  commands: Object.keys(commandCatalog),
  executors: Object.values(registries).flatMap((registry) => Object.keys(registry)),
  cases: Object.keys(gatewayCases),
};

/** Reads another source tree in a separate process. */
function readTree(folder: string): Tree {
  const program = `
    const load = (file) => import("${folder}/" + file);
    const [{ gateway }, { commandCatalog }, registries, { gatewayCases }, { nameOf }] = await Promise.all([
      load("tests/support/endpoint/dialect-tables.ts"), load("core/command/catalog/index.ts"),
      load("session-host/executors/index.ts"), load("tests/support/endpoint/gateway/index.ts"),
      load("tests/support/endpoint/case.ts"),
    ]);
    console.log(JSON.stringify({ endpoints: gateway.endpoints.map(nameOf), commands: Object.keys(commandCatalog),
      executors: Object.values(registries).flatMap((one) => Object.keys(one)), cases: Object.keys(gatewayCases) }));`;
  const stdout = execFileSync(process.execPath, ["--input-type=module", "-e", program], { cwd: folder });
  return JSON.parse(stdout.toString()) as Tree;
}

test("an endpoint consists of exactly the four blocks in docs/contributing.md", () => {
  const copy = mkdtempSync(join(tmpdir(), "switchboard-contributing-"));
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  for (const part of [...folders, "package.json"]) {
    cpSync(part, join(copy, part), { recursive: true });
  }
  symlinkSync(resolve("node_modules"), join(copy, "node_modules"));
  for (const { file, code } of blocks) {
    const parts = readFileSync(file, "utf8").split(code);
    expect([file, parts.length]).toEqual([file, 2]);
    writeFileSync(join(copy, file), parts.join(""));
  }
  const without = readTree(copy);
  const added = (of: keyof Tree) => here[of].filter((one) => !without[of].includes(one));
  expect(added("endpoints")).toEqual(["DELETE /api/profile/{instanceId}/picture"]);
  expect(added("cases")).toEqual(added("endpoints"));
  expect(added("commands")).toEqual(["profile.removePicture"]);
  expect(added("executors")).toEqual(added("commands"));
  // No other file names the command, except this test and the fixtures, which `vitest run -u` writes.
  const found = execFileSync("grep", ["-rlF", "--exclude-dir=fixtures", "profile.removePicture", ...folders], {
    cwd: copy,
  });
  expect(found.toString().trim()).toBe("tests/contract/contributing.test.ts");
});
