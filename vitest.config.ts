import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    pool: "forks",
    // The stores and the processes under test need the machine too.
    maxWorkers: 2,
    testTimeout: 40_000,
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
