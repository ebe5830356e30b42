import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    pool: "forks",
    // A process keeps the modules that it has loaded from one file to the next.
    isolate: false,
    // Half of what the tests do is waiting for leases to end and processes to start.
    maxWorkers: 3,
    // Bounds what hangs, also on a machine that is several times slower than usual.
    testTimeout: 300_000,
    hookTimeout: 300_000,
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
        // Again on the machine's own PostgreSQL, with every default of its package and a user who is no superuser.
        test: {
          name: "stock",
          include: [
            "test/e2e/**/*.test.ts",
            "test/pipeline/**/*.test.ts",
            "src/postgres/core/plans.db.test.ts",
          ],
          // These bring the machine's PostgreSQL with them, or are about Redis alone.
          exclude: ["test/e2e/{start-,pgbouncer,redis-}*.test.ts"],
          globalSetup: "test/support/global-setup.ts",
          env: { HEADRACE_TEST_POSTGRES: "stock" },
        },
      },
      {
        extends: true,
        // Alone and last: it measures how a loaded system recovers.
        test: {
          name: "chaos",
          include: ["test/chaos/**/*.test.ts"],
          globalSetup: "test/support/global-setup.ts",
          sequence: { groupOrder: 1 },
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: "chaos on stock",
          include: ["test/chaos/**/*.test.ts"],
          globalSetup: "test/support/global-setup.ts",
          env: { HEADRACE_TEST_POSTGRES: "stock" },
          sequence: { groupOrder: 2 },
          fileParallelism: false,
        },
      },
    ],
  },
});
