import { defineConfig } from "vitest/config";

/** The tests with clients that aren't ours. They need Go: `npm run test:peers`. */
export default defineConfig({
  test: {
    include: ["tests/peers/**/*.test.ts"],
    globalSetup: ["tests/node-version.ts", "tests/support/postgres.ts", "tests/peers/build.ts"],
    onConsoleLog: (text) =>
      !/^(Closing|Opening|Removing|Session|Decrypted|Migrating)\b.*session|SessionEntry/i.test(text),
    maxWorkers: 2,
    testTimeout: 60_000,
    // The first build compiles SQLite.
    hookTimeout: 300_000,
  },
});
