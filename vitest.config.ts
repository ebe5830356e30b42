import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    pool: "forks",
    // Half of what the tests do is waiting for leases to end and processes to start.
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "tests",
          include: ["src/**/*.test.ts", "test/**/*.test.ts"],
          exclude: ["test/chaos/**"],
          globalSetup: "test/support/global-setup.ts",
        },
      },
      {
        extends: true,
        // Alone and last: it measures how a loaded system recovers.
        test: {
          name: "chaos",
          include: ["test/chaos/**/*.test.ts"],
          sequence: { groupOrder: 1 },
          fileParallelism: false,
        },
      },
    ],
  },
});
