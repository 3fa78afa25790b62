import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import makeTemplate from "../../support/postgres.ts";
import type { Path } from "./path.ts";
import { type PlanOptions, planOf } from "./plan.ts";
import { runPlan } from "./run.ts";
import { stopWhenInterrupted } from "./world/world.ts";

/** The setting of one run, as the JSON in the only argument. */
export interface RunSetting extends PlanOptions {
  seed: number;
  load: number;
  path: Path;
}

const { seed, load, path, ...options } = JSON.parse(process.argv[2] ?? "") as RunSetting;
// libsignal prints sessions, including private keys, and Postgres belongs to another user when root runs this.
for (const method of ["info", "warn", "error"] as const) console[method] = () => undefined;
stopWhenInterrupted();
const removeTemplate = await makeTemplate();
const folder = await mkdtemp(join(tmpdir(), "switchboard-faults-"));
const result = await runPlan(planOf(seed, options), folder, { load, path });
await removeTemplate();
if (result.violations.length === 0) await rm(folder, { recursive: true, force: true });
process.stdout.write(`${JSON.stringify({ ...result, folder: result.violations.length > 0 ? folder : null })}\n`, () =>
  process.exit(0),
);
