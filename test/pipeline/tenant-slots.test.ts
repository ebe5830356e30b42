import { expect, test } from "vitest";
import { LANES, type Priority } from "../../src/domain/priority.ts";
import type { Database } from "../../src/postgres/core/database.ts";
import { type Bounds, DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import { accepted } from "../support/flow.ts";
import { FAST_PATHS, runningPipeline } from "../support/running-pipeline.ts";
import { until } from "../support/until.ts";

const SLOTS = 8;
const BOUNDS: Partial<Bounds> = {
  admission: { ...DEFAULT_BOUNDS.admission, slots: { 1: SLOTS, 2: SLOTS, 3: SLOTS, 4: SLOTS } },
};

/** Returns a handler that hangs until `release`, and counts its calls. */
function hanging() {
  const ends: (() => void)[] = [];
  const counts = { underWay: 0, most: 0, begun: 0 };
  let isReleased = false;
  return {
    counts,
    async handler() {
      counts.begun += 1;
      counts.underWay += 1;
      counts.most = Math.max(counts.most, counts.underWay);
      if (!isReleased) await new Promise<void>((resolve) => ends.push(resolve));
      counts.underWay -= 1;
    },
    release() {
      isReleased = true;
      for (const end of ends) end();
    },
  };
}

function acceptedIn(database: Database, lane: Priority, tenantId: string, count: number): Promise<string[]> {
  const data = Array.from({ length: count }, (_, n) => n);
  return accepted(database, tenantId, data, (one) => Buffer.from(JSON.stringify(one)), lane);
}

async function countOf(database: Database, tenantId: string, condition: string): Promise<number> {
  const [row] = await database.pipeline.query<{ n: number }>({
    text: `SELECT count(*)::int AS n FROM runs WHERE tenant_id = $1 AND ${condition}`,
    values: [tenantId],
  });
  return row?.n ?? 0;
}

// The lanes differ in nothing but their queues: one of them is enough for the shortcuts.
const CASES = [...LANES.map((lane) => [lane, "on"] as const), ...FAST_PATHS.map((way) => [2, way] as const)];

for (const [lane, fastPath] of CASES) {
  test(`a tenant with hanging runs keeps at most half of the slots of lane P${lane}, fast path ${fastPath}`, {
    timeout: 90_000,
  }, async () => {
    const hang = hanging();
    const { database, deploy } = await runningPipeline({ hang: hang.handler, quick() {} }, BOUNDS, fastPath);
    await deploy("f", "hang", { tenantId: "hog" });
    await deploy("f", "quick", { tenantId: "other" });
    await acceptedIn(database, lane, "hog", 200);
    await until("the others of its runs are put off", async () => {
      const putOff = "held_reason = 'tenant_slots' AND state = 'queued' AND attempts = 0";
      return (await countOf(database, "hog", putOff)) === 200 - SLOTS / 2;
    });
    await acceptedIn(database, lane, "other", 40);
    await until("the other tenant's runs succeeded", async () => {
      return (await countOf(database, "other", "state = 'succeeded' AND attempts = 1")) === 40;
    });
    expect(hang.counts).toEqual({ underWay: SLOTS / 2, most: SLOTS / 2, begun: SLOTS / 2 });

    hang.release();
    await until("all succeeded", async () => {
      return (await countOf(database, "hog", "state = 'succeeded' AND attempts = 1")) === 200;
    });
    expect(hang.counts.most).toBe(SLOTS / 2);
  });
}

test("tenants with hanging runs leave slots for the next tenant", {
  timeout: 90_000,
}, async () => {
  const hangs = new Map(["a", "b"].map((tenant) => [tenant, hanging()] as const));
  const handlers = Object.fromEntries([...hangs].map(([tenant, { handler }]) => [tenant, handler]));
  const { database, deploy } = await runningPipeline({ ...handlers, quick() {} }, BOUNDS);
  for (const tenant of hangs.keys()) {
    await deploy("f", tenant, { tenantId: tenant });
    await acceptedIn(database, 1, tenant, 50);
    await until("its other runs are put off", async () => {
      const underWay = hangs.get(tenant)?.counts.underWay ?? 0;
      return (
        underWay > 0 && (await countOf(database, tenant, "held_reason = 'tenant_slots'")) === 50 - underWay
      );
    });
  }
  expect([...hangs.values()].map(({ counts }) => counts.underWay)).toEqual([4, 2]);
  await deploy("f", "quick", { tenantId: "other" });
  await acceptedIn(database, 1, "other", 20);
  await until("the third tenant's runs succeeded", async () => {
    return (await countOf(database, "other", "state = 'succeeded'")) === 20;
  });
  for (const { release } of hangs.values()) release();
});

test("runs of a flow with limits stay within the limits and their tenant's slots", {
  timeout: 90_000,
}, async () => {
  const hang = hanging();
  const { database, deploy } = await runningPipeline({ hang: hang.handler, quick() {} }, BOUNDS);
  await deploy("f", "hang", { tenantId: "hog", concurrency: 6 });
  await deploy("f", "quick", { tenantId: "other" });
  await acceptedIn(database, 1, "hog", 60);
  await until("its share is under way", () => hang.counts.underWay === SLOTS / 2);
  await acceptedIn(database, 1, "other", 20);
  await until("the other tenant's runs succeeded", async () => {
    return (await countOf(database, "other", "state = 'succeeded'")) === 20;
  });
  hang.release();
  await until(
    "all succeeded",
    async () => (await countOf(database, "hog", "state = 'succeeded' AND attempts = 1")) === 60,
    { withinMs: 40_000 },
  );
  expect(hang.counts.most).toBeLessThanOrEqual(SLOTS / 2);
});

test("runs that a lost process had put off are resumed, all of them, when the first comes due", {
  timeout: 90_000,
}, async () => {
  let begun = 0;
  const { database, deploy } = await runningPipeline(
    {
      count() {
        begun += 1;
      },
    },
    BOUNDS,
  );
  const version = await deploy("f", "count", { trigger: { event_types: ["none"] } });
  const events = await acceptedIn(database, 3, "acme", 12);
  await database.pipeline.query({
    text: `INSERT INTO runs (id, tenant_id, flow_id, flow_version, event_id, lane, state, held_reason, visible_at)
      SELECT uuid7(clock_us() + n), 'acme', 'f', $1, e, 3, 'queued', 'tenant_slots',
        now() + CASE WHEN n = 1 THEN interval '0' ELSE interval '1 hour' END
      FROM unnest($2::uuid[]) WITH ORDINALITY AS u (e, n)`,
    values: [version, events],
  });
  await until("all succeeded", async () => (await countOf(database, "acme", "state = 'succeeded'")) === 12);
  expect(begun).toBe(12);
});
