import { help, readOptions } from "./options.ts";
import { reportCrashPoints, runCrashPoints } from "./series.ts";

try {
  const options = readOptions(process.argv.slice(2));
  if (!options) console.log(help);
  else {
    const failed = await runCrashPoints(options);
    reportCrashPoints();
    if (failed > 0) process.exitCode = 1;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
