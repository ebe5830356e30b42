import { expect, test } from "vitest";
import type { Database } from "../../postgres/core/database.ts";
import type { RedisClient } from "../../redis/client.ts";
import { createReadiness } from "./readiness.ts";

/** Returns the readiness of a process with working stores. */
async function readinessOf(flowsReady: boolean | undefined) {
  const database = { pipeline: { query: async () => [] } } as unknown as Database;
  const redis = {
    status: "ready",
    info: async () => "role:master\r\nmaxmemory_policy:noeviction\r\n",
    eval: async () => 1,
    set: async () => "OK",
  } as unknown as RedisClient;
  const deps = {
    database,
    redis,
    redisProbeKey: "probe",
    loops: () => [],
    notServing: () => undefined,
    encryptionKeys: () => undefined,
    accepting: () => undefined,
  };
  return await createReadiness({ ...deps, flowsReady: () => flowsReady })();
}

test("a router is not ready before the deployed flows are loaded", async () => {
  expect(await readinessOf(false)).toMatchObject({
    ready: false,
    checks: { flows: { ok: false, detail: "the deployed flows are not loaded yet" } },
  });
  expect((await readinessOf(true)).ready).toBe(true);
  expect((await readinessOf(undefined)).ready).toBe(true);
});
