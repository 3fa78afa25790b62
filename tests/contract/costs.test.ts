import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { followers, streamTable, table } from "./cost-model.ts";

test("the table in docs/operations/costs.md equals the cost model", () => {
  expect(readFileSync("docs/operations/costs.md", "utf8")).toContain(table());
});

test("the table of live events equals the cost model, whose sizes are those of the functions", () => {
  expect(readFileSync("docs/operations/costs.md", "utf8")).toContain(streamTable());
  const source = (name: string) => readFileSync(`infra/service/${name}.ts`, "utf8");
  const memory = (name: string) => Number(/memory: "(\d+) MB"/.exec(source(name))?.[1]) / 1024;
  const [stream, poll] = Object.values(followers);
  expect([stream?.memoryGb, poll?.memoryGb]).toEqual([memory("stream"), memory("api")]);
  // A stream ends 5 s before the timeout of its function (`marginMs` in functions/api/operations/event-stream.ts).
  expect(source("stream")).toContain(`timeout: "${((stream?.seconds ?? 0) + 5) / 60} minutes"`);
});
