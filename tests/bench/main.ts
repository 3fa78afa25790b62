import { type Checkout, checkOut } from "./before.ts";
import { readEnvironment } from "./environment.ts";
import { help, type Request, readOptions } from "./options.ts";
import { writePerformancePage } from "./result/page.ts";
import { writeReport } from "./result/report.ts";
import type { Result } from "./result/result.ts";
import { runDriver } from "./run.ts";

async function measure({ options, before, runs, document }: Request): Promise<void> {
  const results: Result[] = [];
  let checkout: Checkout | undefined;
  try {
    if (before !== undefined) checkout = checkOut(before);
    for (let run = 1; run <= runs; run++) {
      if (runs > 1) console.log(`run ${run} of ${runs}`);
      const environment = { ...readEnvironment(), before: checkout?.commit ?? "none" };
      const measured = await runDriver({ ...options, before: checkout?.root }, (text) => console.log(text));
      const result = { environment, options, ...measured };
      results.push(result);
      const { table, files } = writeReport(result);
      console.log(`\n${table}\nwritten to ${files.join(" and ")}`);
      for (const problem of measured.problems) console.error(`PROBLEM: ${problem}`);
      if (measured.problems.length > 0) process.exitCode = 1;
    }
  } finally {
    checkout?.remove();
  }
  if (document) console.log(`written to ${writePerformancePage(results)}`);
}

try {
  const request = readOptions(process.argv.slice(2));
  if (request) await measure(request);
  else console.log(help);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
