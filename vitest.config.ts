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

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    // What needs Debian packages has a configuration of its own. Faults that take their time, as leases that must run out,
    // are for `npm run test:fault`. `.ci/run` runs both.
    exclude: [
      "tests/debian/**",
      ...(process.env.FAULT_ROUNDS ? [] : ["kill", "hosts", "link", "database", "deploy"]).map(
        (name) => `tests/fault/${name}.test.ts`,
      ),
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
