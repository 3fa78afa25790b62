import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    globalSetup: ["tests/node-version.ts"],
    // Most files start a Postgres and a gateway of their own: more at once than cores only makes each slower.
    maxWorkers: 2,
    // libsignal prints whole sessions, keys among them, whenever one ends.
    onConsoleLog: (text) =>
      !/^(Closing|Opening|Removing|Session|Decrypted|Migrating)\b.*session|SessionEntry/i.test(text),
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
