import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Slow files run first. Otherwise, a run ends with a single slow file. */
const slowest = ["tests/fault/", "tests/integration/", "tests/local/", "tests/webhook/"];
const rank = ({ moduleId }: TestSpecification) => {
  const place = slowest.findIndex((folder) => moduleId.includes(folder));
  return place === -1 ? slowest.length : place;
};

class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

const folders = (...names: string[]) => names.map((name) => `tests/${name}/**/*.test.ts`);

export default defineConfig({
  test: {
    // Tests that need Debian packages or SST's platform have their own configuration. Fault tests are slow, because they wait
    // for leases to expire: `npm run test:fault` runs them. `.ci/run` runs everything.
    projects: [
      {
        extends: true,
        test: {
          name: "whole",
          // Lambda handlers keep their connections open, so each file needs its own process.
          include: folders("integration", "local", ...(process.env.FAULT_ROUNDS ? ["fault"] : [])),
        },
      },
      {
        extends: true,
        test: {
          name: "parts",
          include: folders("api", "contract", "host", "simulator", "unit", "webhook"),
          // Loading the modules takes longer than most of these tests.
          isolate: false,
        },
      },
    ],
    globalSetup: ["tests/node-version.ts", "tests/support/postgres.ts"],
    sequence: { sequencer: SlowestFirst },
    // Most files start their own Postgres and gateway, and mostly wait.
    maxWorkers: 3,
    // libsignal prints sessions with their keys when they end.
    onConsoleLog: (text) =>
      !/^(Closing|Opening|Removing|Session|Decrypted|Migrating)\b.*session|SessionEntry/i.test(text),
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
