import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { commit, Results } from "../report/results.ts";
import { writeSection } from "../report/section.ts";
import type { SuiteOptions } from "./options.ts";
import { type SuiteResult, suiteReport } from "./report.ts";
import type { RunResult } from "./run.ts";
import type { RunSetting } from "./run-one.ts";

const results = new Results<SuiteResult>("runs");
const program = fileURLToPath(new URL("./run-one.ts", import.meta.url));

/** Runs each seed that has no result yet. Returns the number of runs with violations that don't depend on the speed. */
export async function runSuite(options: SuiteOptions): Promise<number> {
  if (options.reportOnly) return 0;
  const { messages, instances, faults, load, path } = options;
  const done = new Set(
    results.all().flatMap((one) => (one.planned === messages && one.path === path ? [one.seed] : [])),
  );
  let failed = 0;
  for (let seed = options.first; seed < options.first + options.runs; seed++) {
    if (done.has(seed)) continue;
    const result = await runOne({ seed, load, path, messages, instances, faults }).catch((error: unknown) =>
      String(error),
    );
    if (typeof result === "string") {
      // The gateway or the suite could not even start. Such a run is repeated when the suite runs again.
      console.log(`seed ${seed}: ${result}`);
      failed++;
      continue;
    }
    const { folder, ...figures } = result;
    results.add({ ...figures, commit: commit(), at: new Date().toISOString(), planned: messages });
    const wrong = result.violations.filter(({ rule }) => rule !== "late");
    if (wrong.length > 0) failed++;
    const late = result.violations.length - wrong.length;
    console.log(
      `seed ${seed} (${path}): ${result.messages} messages, ${result.handedOver} commands handed over, ${wrong.length} violations, ${late} late, ${result.seconds} s`,
    );
    for (const { rule, detail } of result.violations.slice(0, 10)) console.log(`  ${rule}: ${detail}`);
    if (folder) console.log(`  data and logs: ${folder}`);
  }
  return failed;
}

/** Writes the report of all results. */
export function reportSuite(): void {
  writeSection("fault suite", suiteReport(results.all()));
}

/** Runs one seed in a process of its own, so that runs don't share memory. */
export async function runOne(setting: RunSetting): Promise<RunResult & { folder: string | null }> {
  const child = spawn(process.execPath, [program, JSON.stringify(setting)], {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  const text = Buffer.concat(await Array.fromAsync(child.stdout as AsyncIterable<Buffer>)).toString();
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  const line = text.trim().split("\n").at(-1);
  if (!line) throw new Error(`the run of seed ${setting.seed} ended without a result`);
  return JSON.parse(line);
}
