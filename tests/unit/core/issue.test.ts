import { expect, test } from "vitest";
import * as z from "zod";
import { incomingSettings } from "../../../core/instance/setting/incoming.ts";
import { validated } from "../../../core/validate.ts";

const schema = z.object({
  ...incomingSettings,
  day: z.union([z.iso.date(), z.iso.datetime({ offset: true })]).optional(),
  url: z.union([z.string().max(3), z.literal(""), z.null()]).optional(),
  list: z
    .array(z.union([z.boolean(), z.object({ deep: z.union([z.literal("x"), z.object({ a: z.int() })]) })]))
    .optional(),
});

test("says of a missing field that it is required, also within other fields", () => {
  const inner = z.object({ q: z.string(), at: z.object({ n: z.int() }) });
  const refused = () => validated(inner, { at: {} }, { whole: "body", field: "field" });
  expect(refused).toThrow(expect.objectContaining({ details: "q: is required; at.n: is required" }));
});

test.each<[object, RegExp]>([
  [{ rejectCalls: { message: "" } }, /^rejectCalls\.message: Too small/],
  [{ rejectCalls: { answerAfterHours: 0, message: "" } }, /rejectCalls\.answerAfterHours: .*/],
  [{ rejectCalls: "yes" }, /^rejectCalls: Invalid input: expected boolean or object/],
  [{ autoRead: { direct: "yes" } }, /^autoRead\.direct: Invalid input: expected boolean/],
  [{ autoRead: { drict: true } }, /^autoRead\.drict: unknown field, did you mean "direct"/],
  [{ metadata: { "a b": "x" } }, /^metadata\."a b": .*must be 1 to 40 letters/],
  [{ day: "tomorrow" }, /^day: Invalid ISO date; day: Invalid ISO datetime/],
  [{ url: "long" }, /^url: Too big/],
  [{ list: [true, { deep: { a: "x" } }] }, /^list\.1\.deep\.a: Invalid input: expected number/],
])("names the field in a union that is wrong in %j", (value, expected) => {
  const refused = () => validated(schema, value, { whole: "body", field: "field" });
  expect(refused).toThrow(
    expect.objectContaining({ code: "invalid_request", details: expect.stringMatching(expected) }),
  );
});
