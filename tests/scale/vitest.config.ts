import { defineConfig } from "vitest/config";

/**
 * The test of the plans of statements on large tables: `npm run test:scale`. It writes the growth to the page about
 * performance. `SCALE=0.1` fills a tenth of the rows and only prints.
 */
export default defineConfig({
  test: {
    include: ["tests/scale/*.test.ts"],
    globalSetup: ["tests/node-version.ts", "tests/support/postgres.ts", "tests/scale/growth.ts"],
    // Each size has its own process, one after another.
    fileParallelism: false,
    onConsoleLog: (text) =>
      !/^(Closing|Opening|Removing|Session|Decrypted|Migrating)\b.*session|SessionEntry/i.test(text),
    testTimeout: 1_200_000,
    hookTimeout: 120_000,
  },
});
