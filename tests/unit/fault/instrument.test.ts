import { expect, test } from "vitest";
import { instrument } from "../../fault/crash-points/instrument.ts";

test("each await gets a crash point with its place, and lines keep their numbers", () => {
  const source = `async function f(): Promise<void> {
  const text = "await me"; // await a comment
  const a = (await g<string>(await h(text))).length + 1;
  for await (const x of each(a)) await x;
}`;
  const { source: changed, sites } = instrument("core/f.ts", source);
  expect(sites).toEqual(["core/f.ts:3:14", "core/f.ts:3:30", "core/f.ts:4:3", "core/f.ts:4:34"]);
  expect(changed.split("\n")).toEqual([
    "async function f(): Promise<void> {",
    '  const text = "await me"; // await a comment',
    '  const a = (await __crashPoint("core/f.ts:3:14", g<string>(await __crashPoint("core/f.ts:3:30", h(text))))).length + 1;',
    '  for await (const x of __crashPointEach("core/f.ts:4:3", each(a))) await __crashPoint("core/f.ts:4:34", x);',
    "}",
  ]);
});

test("a file without await stays as it is", () => {
  expect(instrument("core/g.ts", "export const one = 1;\n")).toEqual({ source: "export const one = 1;\n", sites: [] });
});
