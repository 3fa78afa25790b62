import { expect, test } from "vitest";
import { temporaryFolder } from "../support/process/temporary-folder.ts";
import { paths } from "./suite/path.ts";
import { planOf } from "./suite/plan.ts";
import { runPlan } from "./suite/run.ts";

const seed = Number(process.env.FAULT_SEED ?? 20261130);
/** The result doesn't depend on the speed of the machine, because `late` isn't checked here. */
const load = 10;

test.each(paths)(
  `a short run of the fault suite has no violation on the path %s (seed ${seed})`,
  async (way) => {
    const { path, remove } = await temporaryFolder();
    const plan = planOf(seed, { messages: 400, instances: 2, faults: 6 });
    const result = await runPlan(plan, path, { load, path: way });
    const wrong = result.violations.filter(({ rule }) => rule !== "late");
    expect(wrong, `faults: ${plan.faults.map(({ kind }) => kind).join(", ")}; logs: ${path}`).toEqual([]);
    expect(result.messages).toBe(400);
    expect(result.faults.map(({ kind }) => kind).sort()).toEqual(plan.faults.map(({ kind }) => kind).sort());
    if (way === "direct") expect(result.handedOver).toBeGreaterThan(0);
    else expect(result.handedOver).toBe(0);
    await remove();
  },
  600_000,
);
