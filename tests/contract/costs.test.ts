import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { table } from "./cost-model.ts";

test("the table of docs/costs.md is what the model says", () => {
  expect(readFileSync("docs/costs.md", "utf8")).toContain(table());
});
