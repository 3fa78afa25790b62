import { defineConfig } from "vitest/config";

/** Separate from the other tests, because these need SST's platform, which `npm run test:infra` installs. */
export default defineConfig({
  test: { include: ["tests/infra/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 120_000, fileParallelism: false },
});
