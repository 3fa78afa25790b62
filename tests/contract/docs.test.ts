import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { scopes } from "../../core/scope.ts";
import { contentPage } from "../support/docs/content.ts";
import { markdownFiles, read, withoutBlocks } from "../support/docs/markdown.ts";
import { envExample, environmentPage } from "../support/docs/settings.ts";

test("the README has at most 700 words", () => {
  expect(read("README.md").trim().split(/\s+/).length).toBeLessThanOrEqual(700);
});

test("every page of the docs begins with what its reader can do after reading it", () => {
  const without = markdownFiles()
    .filter((file) => file.startsWith("docs/"))
    .filter((file) => !/^# [^\n]+\n\nAfter reading this page, you can [^\n]/.test(read(file)));
  expect(without).toEqual([]);
});

test("the index links every page of the docs", () => {
  const index = withoutBlocks(read("docs/README.md")) + withoutBlocks(read("docs/decisions/README.md"));
  const missing = markdownFiles()
    .filter((file) => file.startsWith("docs/") && file !== "docs/README.md")
    .filter((file) => !index.includes(`(${file.replace(/^docs\/(decisions\/(?!README))?/, "")})`));
  expect(missing).toEqual([]);
});

test("the index of the docs names each folder once and each page once", () => {
  const index = read("docs/README.md");
  const folders = [...index.matchAll(/^\| (?!folder|---)([^|]+) \|/gm)].map(([, folder]) => folder);
  const pages = [...index.matchAll(/\]\(([^)]+\.md)\)/g)].map(([, page]) => page);
  expect(folders).toHaveLength(new Set(folders).size);
  expect(pages).toHaveLength(new Set(pages).size);
});

test("the guide about users explains every scope of keys", () => {
  const named = [...read("docs/guides/users.md").matchAll(/`([a-z]+:[a-z]+)`/g)].map(([, name]) => name);
  expect([...new Set(named)].sort()).toEqual([...scopes].sort());
});

test(".env.example and the environment page equal the output of `npm run docs`", () => {
  expect(read(".env.example")).toBe(envExample());
  expect(read("docs/reference/environment.md")).toBe(environmentPage());
});

test("the page about content equals the output of `npm run docs`, and has an example of each kind", async () => {
  expect(read("docs/reference/content.md")).toBe(await contentPage());
});

test("the CI workflow runs .ci/run, and the configuration files for GitHub are valid YAML", () => {
  const workflow = parse(read(".github/workflows/ci.yml")) as { jobs: Record<string, { steps: { run?: string }[] }> };
  for (const { steps } of Object.values(workflow.jobs)) expect(steps.at(-1)?.run).toBe(".ci/run");
  const forms = readdirSync(".github/ISSUE_TEMPLATE").map((name) => `.github/ISSUE_TEMPLATE/${name}`);
  for (const file of [...forms, ".github/dependabot.yml"]) expect(() => parse(read(file)) as unknown).not.toThrow();
});
