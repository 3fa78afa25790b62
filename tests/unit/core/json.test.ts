import { expect, test } from "vitest";
import { readJson } from "../../../core/json.ts";

const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

test("JSON with up to 64 nested levels is read", () => {
  expect(readJson(nested(64), "body").error).toBeUndefined();
  expect(readJson(`{"a":${nested(63)}}`, "body").error).toBeUndefined();
});

test.each([
  ["lists", nested(65)],
  ["objects", `${'{"a":'.repeat(65)}1${"}".repeat(65)}`],
  ["a million lists", nested(1_000_000)],
  ["lists after a string that ends with backslashes", `["\\\\",${nested(64)}]`],
])("JSON with more than 64 levels of %s is rejected, and its first level can still be read", (_what, text) => {
  const { value, error } = readJson(text, "body");
  expect(error).toMatchObject({ code: "invalid_request", details: "the body has more than 64 nested levels" });
  expect(typeof value).toBe("object");
});

test.each([
  ["a list", JSON.stringify(Array(250_001).fill(0))],
  ["an object", JSON.stringify(Object.fromEntries(Array.from({ length: 250_001 }, (_, n) => [`field${n}`, n])))],
  ["many lists", `[${"[0,0],".repeat(125_001)}0]`],
])("JSON with more than 250,000 values in %s is rejected", (_what, text) => {
  const { error } = readJson(text, "body");
  expect(error).toMatchObject({ code: "invalid_request", details: "the body has more than 250000 values" });
});

test.each([
  ["brackets in strings", JSON.stringify(["[".repeat(100), '\\"[['.repeat(50), "\\".repeat(99)])],
  ["many values side by side", `[${"[],".repeat(1000)}[]]`],
])("JSON with %s is not nested", (_what, text) => {
  expect(readJson(text, "body")).toEqual({ value: JSON.parse(text), error: undefined });
});

test("an error repeats no part of the text", () => {
  const { error } = readJson('{"apiKey":"secret"', "message");
  expect(error).toMatchObject({ code: "malformed_json", details: "the message is not JSON" });
  expect(error?.cause).toBeUndefined();
});

test("six megabytes of JSON are checked in less than a second", () => {
  for (const text of [JSON.stringify('"\\'.repeat(1_500_000)), JSON.stringify(Array(250_000).fill("x".repeat(20)))]) {
    const started = performance.now();
    expect(readJson(text, "body").error).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(1_000);
  }
});
