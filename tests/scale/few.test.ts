import { expect, test } from "vitest";
import { keep } from "./growth.ts";
import { measure } from "./measure.ts";
import { few } from "./sizes.ts";

test(`measures the same statements with ${few} messages`, async () => {
  const measured = await measure(few);
  await keep("few", measured);
  expect(measured.statements.size).toBeGreaterThan(0);
});
