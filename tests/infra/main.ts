import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Fetches SST's platform from npm when it is not there, then checks types and runs the tests of the infrastructure. */
const quiet = {
  SST_SKIP_DEPENDENCY_CHECK: "true",
  SST_NO_BUN: "1",
  SST_TELEMETRY_DISABLED: "1",
  AWS_EC2_METADATA_DISABLED: "true",
};

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: "inherit", env: { ...process.env, ...quiet } });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(".sst/platform/node_modules")) run("sst", "install", "--stage", "test");
run("tsc", "--noEmit", "-p", "tsconfig.infra.json");
run("vitest", "run", "--config", "tests/infra/vitest.config.ts");
