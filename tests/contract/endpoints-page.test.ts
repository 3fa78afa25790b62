import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { commandCatalog } from "../../core/command/catalog/index.ts";
import { nameOf } from "../integration/endpoint-frame.ts";
import { multiInstanceShown } from "../integration/endpoint-shown.ts";
import { endpointsPage, listed } from "../support/endpoints-page.ts";
import { features } from "../support/simulator.ts";
import { dialects } from "../support/tables.ts";

const all = dialects.flatMap(listed);

test("docs/endpoints.md is what `npm run docs` writes now", () => {
  expect(readFileSync("docs/endpoints.md", "utf8")).toBe(endpointsPage());
});

test("it has all 98 + 22 endpoints of the documents, and no place for one that is gone", () => {
  expect(all.filter(({ documented }) => documented)).toHaveLength(98 + 22);
  const served = new Set(all.map(({ endpoint }) => nameOf(endpoint)));
  expect(Object.keys(multiInstanceShown).filter((endpoint) => !served.has(endpoint))).toEqual([]);
});

test("an endpoint that does something on WhatsApp says what of the simulated one does its part, and who looks at it", () => {
  const blind = all.filter(({ endpoint, simulator, shown, seen }) => {
    const acts = endpoint.command && commandCatalog[endpoint.command].kind !== "query";
    return acts && (!simulator || !(shown || seen));
  });
  expect(blind.map(({ endpoint }) => nameOf(endpoint))).toEqual([]);
});

describe("what it names is there", () => {
  test("every test, in its file", () => {
    const sources = new Map<string, string>();
    const lost = all.filter(({ shown }) => {
      if (!shown) return false;
      const [file, name] = shown;
      if (!sources.has(file)) sources.set(file, existsSync(file) ? readFileSync(file, "utf8") : "");
      return !['"', "`"].some((quote) => sources.get(file)?.includes(`${quote}${name}${quote}`));
    });
    expect(lost.map(({ endpoint, shown }) => [nameOf(endpoint), shown])).toEqual([]);
  });

  test("every part of the simulated WhatsApp", () => {
    const files = Object.values(features).flatMap((one) => one.files as readonly string[]);
    expect(files.filter((file) => !existsSync(`simulator/${file}`))).toEqual([]);
  });
});
