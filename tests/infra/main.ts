import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/**
 * Installs SST's platform from npm unless it is there in the required version, then checks the types and runs the tests of
 * the infrastructure.
 */
const sstEnv = {
  SST_SKIP_DEPENDENCY_CHECK: "true",
  SST_NO_BUN: "1",
  SST_TELEMETRY_DISABLED: "1",
  AWS_EC2_METADATA_DISABLED: "true",
};

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: "inherit", env: { ...process.env, ...sstEnv } });
  if (status !== 0) process.exit(status ?? 1);
}

const { devDependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { devDependencies: { sst: string } };
const installed =
  existsSync(".sst/platform/node_modules") &&
  existsSync(".sst/platform/version") &&
  readFileSync(".sst/platform/version", "utf8").trim() === devDependencies.sst;
if (!installed) run("sst", "install", "--stage", "test");
run("tsc", "--noEmit", "-p", "tsconfig.infra.json");
run("vitest", "run", "--config", "tests/infra/vitest.config.ts");
