import { defineConfig } from "vitest/config";

/** The tests that need Debian packages: ffmpeg, curl, python3-requests, php-cli, php-curl and pgbouncer: `vitest run --config tests/debian/vitest.config.ts`. */
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
