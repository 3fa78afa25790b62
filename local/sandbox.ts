import { parseArgs } from "node:util";
import { runProgram } from "./terminal/program.ts";

await runProgram(async (signal) => {
  const { values } = parseArgs({ options: { once: { type: "boolean", default: false } } });
  process.stdout.write("Switchboard sandbox\n\n");
  // Loaded after the first line of output, because loading takes a second.
  const { runSandbox } = await import("./sandbox/run.ts");
  await runSandbox({ env: process.env, once: values.once, signal });
});
