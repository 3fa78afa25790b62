import { expect, test } from "vitest";
import { fittedJson } from "../../../core/event/fit.ts";

const nest = (depth: number, width: number, leaf: unknown): unknown =>
  depth === 0 ? leaf : Array.from({ length: width }, () => nest(depth - 1, width, leaf));
const objects = (depth: number): unknown =>
  depth === 0 ? text(60) : Object.fromEntries([..."abcdef"].map((name) => [name, objects(depth - 1)]));
const text = (length: number) => "\u0001".repeat(length);
const ids = { messageId: "A".repeat(128), chatId: "4915550000002@s.whatsapp.net", fromMe: true };

test("data that fits is unchanged", () => {
  expect(fittedJson({ ...ids, body: "hello" })).toBe(JSON.stringify({ ...ids, body: "hello" }));
});

test.each<[string, object]>([
  ["one text", { body: text(1_000_000) }],
  ["100 texts in a list", { content: { list: nest(1, 100, text(20_000)) } }],
  ["lists in lists", { content: { list: nest(3, 25, text(60)) } }],
  ["lists of texts in lists", { content: { list: nest(2, 60, text(400)) } }],
  ["lists in ten levels", { content: { list: nest(7, 4, text(60)) } }],
  [
    "a record of 10,000 texts",
    { fields: Object.fromEntries(Array.from({ length: 10_000 }, (_one, index) => [index, text(100)])) },
  ],
  ["a record with long names", { content: { [text(200_000)]: 1 } }],
  ["a record with long names outside of the content", { other: { [text(200_000)]: 1 } }],
  ["objects in objects", { other: objects(5) }],
])("the data of an event fits with %s, and has its ids", (_name, parts) => {
  const json = fittedJson({ ...ids, ...parts });
  expect(Buffer.byteLength(json)).toBeLessThanOrEqual(900_000);
  expect(JSON.parse(json)).toMatchObject({ ...ids, truncated: true });
});
