import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Folders of slow tests, the slowest first. They start before the others, so that a run does not end with a single slow file.
 */
const slowFolders = ["tests/fault/", "tests/slow/", "tests/integration/", "tests/local/", "tests/webhook/"];
const rankOf = ({ moduleId }: TestSpecification) => {
  const index = slowFolders.findIndex((folder) => moduleId.includes(folder));
  return index === -1 ? slowFolders.length : index;
};

class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => rankOf(a) - rankOf(b));
  }
}

const folders = (...names: string[]) => names.map((name) => `tests/${name}/**/*.test.ts`);

export default defineConfig({
  test: {
    // Tests that need Debian packages or SST's platform have their own configuration. Tests in tests/fault break parts of the
    // gateway, and tests in tests/slow only take long, because they wait for leases, pauses and reconnects: `npm run test:fault`
    // and `npm run test:slow` run them. `.ci/run` runs everything.
    projects: [
      {
        extends: true,
        test: {
          name: "whole",
          // Lambda handlers keep their connections open, so each file needs its own process (the default).
          include: folders(
            "integration",
            "local",
            ...(process.env.FAULT_ROUNDS ? ["fault"] : []),
            ...(process.env.SLOW_TESTS ? ["slow"] : []),
          ),
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
    // Most files start their own Postgres and gateway, and spend most of their time waiting.
    maxWorkers: 3,
    // libsignal prints sessions with their keys. Hides that output.
    onConsoleLog: (text) =>
      !/^(Closing|Opening|Removing|Session|Decrypted|Migrating)\b.*session|SessionEntry/i.test(text),
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
