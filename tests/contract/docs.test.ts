import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { markdownFiles, read, withoutBlocks } from "../support/markdown.ts";
import { envExample, environmentPage } from "../support/settings-docs.ts";

test("the README has at most 700 words", () => {
  expect(read("README.md").trim().split(/\s+/).length).toBeLessThanOrEqual(700);
});

test("every page of the docs begins with what the reader can do after it", () => {
  const without = markdownFiles()
    .filter((file) => file.startsWith("docs/"))
    .filter((file) => !/^# [^\n]+\n\nAfter this page, you [^\n]/.test(read(file)));
  expect(without).toEqual([]);
});

test("every page of the docs is reached from the index", () => {
  const index = withoutBlocks(read("docs/README.md")) + withoutBlocks(read("docs/decisions/README.md"));
  const missing = markdownFiles()
    .filter((file) => file.startsWith("docs/") && file !== "docs/README.md")
    .filter((file) => !index.includes(`(${file.replace(/^docs\/(decisions\/(?!README))?/, "")})`));
  expect(missing).toEqual([]);
});

test(".env.example and the page of settings are what the config's schema says", () => {
  expect(read(".env.example")).toBe(envExample());
  expect(read("docs/reference/environment.md")).toBe(environmentPage());
});

test("the workflow runs what a contributor runs, and all files for GitHub can be read", () => {
  const workflow = parse(read(".github/workflows/ci.yml")) as { jobs: Record<string, { steps: { run?: string }[] }> };
  for (const { steps } of Object.values(workflow.jobs)) expect(steps.at(-1)?.run).toBe(".ci/run");
  const forms = readdirSync(".github/ISSUE_TEMPLATE").map((name) => `.github/ISSUE_TEMPLATE/${name}`);
  for (const file of [...forms, ".github/dependabot.yml"]) expect(() => parse(read(file)) as unknown).not.toThrow();
});
