import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import makeTemplate from "../../support/postgres.ts";
import { silenceLibsignal } from "../../support/simulator/client.ts";
import { commit, Results } from "../report/results.ts";
import { writeSection } from "../report/section.ts";
import { stopWhenInterrupted } from "../suite/world/world.ts";
import type { SoakOptions } from "./options.ts";
import { isFlat, type RecordedSoak, soakReport } from "./report.ts";
import { soak } from "./soak.ts";

const results = new Results<RecordedSoak>("soak");

/** Runs a soak, records it and writes the report. Returns whether everything is flat and nothing was lost. */
export async function runSoak(options: SoakOptions): Promise<boolean> {
  silenceLibsignal();
  stopWhenInterrupted();
  const at = new Date().toISOString();
  const of = commit();
  const removeTemplate = await makeTemplate();
  const folder = await mkdtemp(join(tmpdir(), "switchboard-soak-"));
  const result = await soak(options, folder, (text) => console.log(text));
  await removeTemplate();
  const recorded = { ...result, commit: of, at };
  results.add(recorded);
  const passed = isFlat(result) && result.violations.every(({ rule }) => rule === "late");
  if (passed) await rm(folder, { recursive: true, force: true });
  else console.log(`the logs are in ${folder}`);
  writeSection("soak", soakReport(recorded));
  return passed;
}
