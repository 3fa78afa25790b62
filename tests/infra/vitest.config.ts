import { defineConfig } from "vitest/config";

/** Apart from the other tests: it needs SST's platform, which `npm run test:infra` fetches. */
export default defineConfig({
  test: { include: ["tests/infra/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 120_000, fileParallelism: false },
});
