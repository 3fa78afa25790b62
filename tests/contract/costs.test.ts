import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { table } from "./cost-model.ts";

test("the table of docs/operations/costs.md is what the model says", () => {
  expect(readFileSync("docs/operations/costs.md", "utf8")).toContain(table());
});
