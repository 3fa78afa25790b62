import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { table } from "./cost-model.ts";

test("the table in docs/operations/costs.md equals the cost model", () => {
  expect(readFileSync("docs/operations/costs.md", "utf8")).toContain(table());
});
