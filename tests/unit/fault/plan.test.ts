import { expect, test } from "vitest";
import { faultKinds, planOf } from "../../fault/suite/plan.ts";

const options = { messages: 10_000, instances: 4, faults: 14 };

test("a seed always leads to the same plan, and another seed to another plan", () => {
  expect(planOf(7, options)).toEqual(planOf(7, options));
  expect(planOf(7, options)).not.toEqual(planOf(8, options));
});

test("the faults of a plan begin in order, before the last tenth of the messages, and last as long as their kind allows", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const { faults } = planOf(seed, options);
    const moments = faults.map(({ atMessage }) => atMessage);
    expect(moments).toEqual(moments.toSorted((a, b) => a - b));
    expect(Math.max(...moments)).toBeLessThan(9_000);
    for (const { kind, durationMs } of faults) {
      const [least, most] = faultKinds[kind].duration;
      expect(durationMs).toBeGreaterThanOrEqual(least);
      expect(durationMs).toBeLessThanOrEqual(most);
    }
  }
});

test("a few seeds cover every kind of fault", () => {
  const kinds = [1, 2, 3, 4, 5].flatMap((seed) => planOf(seed, options).faults.map(({ kind }) => kind));
  expect(new Set(kinds)).toEqual(new Set(Object.keys(faultKinds)));
});
