import { defineConfig } from "vitest/config";

/** The tests that need the Debian packages ffmpeg and python3-requests: `vitest run --config tests/debian/vitest.config.ts`. */
export default defineConfig({
  test: {
    include: ["tests/debian/*.test.ts"],
    globalSetup: ["tests/node-version.ts", "tests/support/postgres.ts"],
    onConsoleLog: (text) =>
      !/^(Closing|Opening|Removing|Session|Decrypted|Migrating)\b.*session|SessionEntry/i.test(text),
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
