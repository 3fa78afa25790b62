import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes longest, and mostly waits, first: else the end of a run is one file alone. */
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
    // What needs Debian packages or SST's platform has a configuration of its own. Faults take their time, as
    // leases that must run out: they are for `npm run test:fault`. `.ci/run` runs all.
    projects: [
      {
        extends: true,
        test: {
          name: "whole",
          // The Lambda handlers keep what they have opened, as on Lambda: each file needs a process of its own.
          include: folders("integration", "local", ...(process.env.FAULT_ROUNDS ? ["fault"] : [])),
        },
      },
      {
        extends: true,
        test: {
          name: "parts",
          include: folders("api", "contract", "host", "simulator", "unit", "webhook"),
          // Loading the program takes longer than most of these tests.
          isolate: false,
        },
      },
    ],
    globalSetup: ["tests/node-version.ts", "tests/support/postgres.ts"],
    sequence: { sequencer: SlowestFirst },
    // Most files start a Postgres and a gateway of their own, and wait for much of their time.
    maxWorkers: 3,
    // libsignal prints whole sessions, keys among them, whenever one ends.
    onConsoleLog: (text) =>
      !/^(Closing|Opening|Removing|Session|Decrypted|Migrating)\b.*session|SessionEntry/i.test(text),
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
