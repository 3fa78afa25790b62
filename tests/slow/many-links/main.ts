import { help, readOptions } from "./options.ts";
import { runManyLinks } from "./run.ts";

try {
  const options = readOptions(process.argv.slice(2));
  if (!options) console.log(help);
  else if (!(await runManyLinks(options))) process.exitCode = 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
