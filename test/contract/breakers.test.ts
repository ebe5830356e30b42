import { expect, test } from "vitest";
import { reportTargets } from "../../src/postgres/runs/circuit-breakers.ts";
import { serveApi } from "./serve-api.ts";

const BOUNDS = {
  failures: 2,
  timeouts: 2,
  failingMs: 0,
  openMs: 5_000,
  maxOpenMs: 60_000,
  maxRetryAfterMs: 3_600_000,
  probeMs: 45_000,
  watchedMs: 60_000,
};

test("breakers are listed by target, in pages, and only for their own tenant", async () => {
  const api = await serveApi();
  for (const tenant of ["acme", "other"]) await api.call("PUT", `/tenants/${tenant}`, {});
  const failed = (tenantId: string, target: string, failures: number) => ({
    tenantId,
    target,
    failures,
    reached: false,
    lastError: "The target answered 503",
    timeouts: 0,
    tookMs: 10,
    retryAfterMs: 0,
  });
  await reportTargets(
    api.database.pipeline,
    [
      failed("acme", "https://b.example", 1),
      failed("acme", "https://a.example", 2),
      failed("other", "https://c.example", 2),
    ],
    BOUNDS,
  );
  const page = (await api.call("GET", "/tenants/acme/breakers?limit=1")).body;
  expect(page.items).toEqual([
    {
      tenant_id: "acme",
      target: "https://a.example",
      state: "open",
      failures: 2,
      held_runs: 0,
      last_error: "The target answered 503",
      failed_at: expect.any(String),
      opened_at: expect.any(String),
      probe_at: expect.any(String),
      closed_at: null,
    },
  ]);
  const next = (await api.call("GET", `/tenants/acme/breakers?cursor=${page.next_cursor}`)).body;
  expect(next).toMatchObject({
    items: [{ target: "https://b.example", state: "closed" }],
    next_cursor: null,
  });
});
