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
    // They need Debian packages: `.ci/run` installs those and runs them by a configuration of their own.
    exclude: ["tests/debian/**"],
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
