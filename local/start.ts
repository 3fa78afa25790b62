import { runProgram } from "./terminal/program.ts";

await runProgram(async (signal) => {
  const { runLocalGateway } = await import("./start/run.ts");
  await runLocalGateway({ env: process.env, signal });
});
