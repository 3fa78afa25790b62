import { expect, test } from "vitest";
import { allowed, isAllowed } from "./allowed.ts";
import { keep } from "./growth.ts";
import { measure } from "./measure.ts";
import { many } from "./sizes.ts";

/** The rows of the largest page that a statement takes: `claimLimit`. */
const pageRows = 1_000;

test(`no hot statement reads a whole table or sorts more than a page, with ${many} messages`, async () => {
  const measured = await measure(many);
  await keep("many", measured);
  const { statements, largeTables, hot } = measured;
  const faults = [...statements.values()].flatMap(({ text, scanned, sorted }) => [
    ...[...scanned]
      .filter((table) => largeTables.has(table) && !isAllowed(text))
      .map((table) => `reads all of ${table}: ${text}`),
    ...(sorted > pageRows && !isAllowed(text) ? [`sorts ${sorted} rows: ${text}`] : []),
  ]);
  expect(faults).toEqual([]);
  const unused = allowed.filter(({ part }) => ![...statements.keys()].some((text) => text.includes(part)));
  expect(unused).toEqual([]);
  // Statements of every subject were seen.
  for (const part of ["insert into commands", "from events", "insert into messages", "deliveries", "session_keys"])
    expect([...statements.keys()].filter((text) => text.includes(part))).not.toEqual([]);
  for (const table of ["messages", "session_keys", "usage", "hosts"]) expect(hot.get(table)).toBeGreaterThan(0.75);
});
