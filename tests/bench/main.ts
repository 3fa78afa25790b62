import { readEnvironment } from "./environment.ts";
import { help, readOptions } from "./options.ts";
import { writeReport } from "./result/report.ts";
import { runDriver } from "./run.ts";

try {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    console.log(help);
  } else {
    const environment = readEnvironment();
    const measured = await runDriver(options, (text) => console.log(text));
    const { table, files } = writeReport({ environment, options, ...measured });
    console.log(`\n${table}\nwritten to ${files.join(" and ")}`);
    for (const problem of measured.problems) console.error(`PROBLEM: ${problem}`);
    if (measured.problems.length > 0) process.exitCode = 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
