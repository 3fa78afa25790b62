import { expect, test } from "vitest";
import { temporaryFolder } from "../support/process/temporary-folder.ts";
import { planOf } from "./suite/plan.ts";
import { runPlan } from "./suite/run.ts";

const seed = Number(process.env.FAULT_SEED ?? 20261130);
/** The result doesn't depend on the speed of the machine, because `late` isn't checked here. */
const load = 10;

test(`a short run of the fault suite has no violation (seed ${seed})`, async () => {
  const { path, remove } = await temporaryFolder();
  const plan = planOf(seed, { messages: 600, instances: 2, faults: 8 });
  const result = await runPlan(plan, path, load);
  const wrong = result.violations.filter(({ rule }) => rule !== "late");
  expect(wrong, `faults: ${plan.faults.map(({ kind }) => kind).join(", ")}; logs: ${path}`).toEqual([]);
  expect(result.messages).toBe(600);
  expect(result.faults.map(({ kind }) => kind).sort()).toEqual(plan.faults.map(({ kind }) => kind).sort());
  await remove();
}, 600_000);
