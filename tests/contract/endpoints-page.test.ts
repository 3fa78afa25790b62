import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { commandCatalog } from "../../core/command/catalog/index.ts";
import { nameOf } from "../support/endpoint/case.ts";
import { dialects } from "../support/endpoint/dialect-tables.ts";
import { multiInstanceEffectTests } from "../support/endpoint/multi-instance/effect-tests.ts";
import { endpointsPage, listed } from "../support/endpoint/page.ts";
import { features } from "../support/endpoint/simulator-features.ts";

const all = dialects.flatMap(listed);

test("docs/endpoints.md equals the output of `npm run docs`", () => {
  expect(readFileSync("docs/endpoints.md", "utf8")).toBe(endpointsPage());
});

test("the page has all 98 + 22 documented endpoints and no removed endpoint", () => {
  expect(all.filter(({ documented }) => documented)).toHaveLength(98 + 22);
  const served = new Set(all.map(({ endpoint }) => nameOf(endpoint)));
  expect(Object.keys(multiInstanceEffectTests).filter((endpoint) => !served.has(endpoint))).toEqual([]);
});

test("an endpoint that acts on WhatsApp names its simulator feature and the test that checks it", () => {
  const untested = all.filter(({ endpoint, simulator, testedBy, hasEffect }) => {
    const acts = endpoint.command && commandCatalog[endpoint.command].kind !== "query";
    return acts && (!simulator || !(testedBy || hasEffect));
  });
  expect(untested.map(({ endpoint }) => nameOf(endpoint))).toEqual([]);
});

describe("the page names", () => {
  test("only tests that exist in their files", () => {
    const sources = new Map<string, string>();
    const missing = all.filter(({ testedBy }) => {
      if (!testedBy) return false;
      const [file, name] = testedBy;
      if (!sources.has(file)) sources.set(file, existsSync(file) ? readFileSync(file, "utf8") : "");
      return !['"', "`"].some((quote) => sources.get(file)?.includes(`${quote}${name}${quote}`));
    });
    expect(missing.map(({ endpoint, testedBy }) => [nameOf(endpoint), testedBy])).toEqual([]);
  });

  test("only simulator files that exist", () => {
    const files = Object.values(features).flatMap((one) => one.files as readonly string[]);
    expect(files.filter((file) => !existsSync(`simulator/${file}`))).toEqual([]);
  });
});
