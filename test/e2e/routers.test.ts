import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { createInstallation } from "../support/installation.ts";
import { seededRandom } from "../support/mutate.ts";
import { api, type HeadraceProcess } from "../support/process.ts";
import { privateStores } from "../support/stores.ts";
import { putAndDeploy } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

/** Concurrent tenants, and the rounds of each. Set HEADRACE_ROUTER_ROUNDS for more. */
const TENANTS = 6;
const ROUNDS = Number(process.env["HEADRACE_ROUTER_ROUNDS"] ?? 60);
const FLOWS = ["a", "b", "c"];
const SEED = 20_261_123;

interface Expected {
  eventId: string;
  tenant: string;
  /** The value in the condition of the live version, by flow. */
  live: Map<string, number>;
}

test("deploys and undeploys hold for every later event on two routers that are paused, cut from LISTEN and flushed", {
  timeout: 120_000 + ROUNDS * 2_000,
}, async () => {
  const stores = await privateStores();
  const { start, databaseUrl } = await createInstallation(stores);
  const env = { HEADRACE_FLOWS_DIR: "bench/flows" };
  // Includes a worker, since the relay publishes only as much as execution makes room for.
  const front = await start({ roles: "api,relay,execute,maintain", env });
  const routers = await Promise.all([1, 2].map(() => start({ roles: "route", env })));
  const database = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  onTestFinished(() => database.end());

  const expected: Expected[] = [];
  const random = seededRandom(SEED);
  let working = true;
  const faults = breakThings({ routers, stores, database, random, isWorking: () => working });
  await Promise.all(
    Array.from({ length: TENANTS }, (_, n) => changeAndSend(front.url, `t${n}`, random, expected)),
  );
  working = false;
  const made = await faults;

  await until("every event is routed", async () => {
    const { rows } = await database.query("SELECT count(*)::int AS n FROM verdicts");
    return rows[0].n >= expected.length;
  });
  const { rows } = await database.query<{ event_id: string; flow_id: string; value: number }>(
    `SELECT r.event_id, r.flow_id, (v.definition #>> '{trigger,where,value}')::int AS value
       FROM runs r JOIN flow_versions v ON (v.tenant_id, v.flow_id, v.version) = (r.tenant_id, r.flow_id, r.flow_version)`,
  );
  const started = new Map<string, Map<string, number>>();
  for (const { event_id, flow_id, value } of rows) {
    started.set(event_id, (started.get(event_id) ?? new Map()).set(flow_id, value));
  }
  const wrong = expected.filter(({ eventId, live }) => {
    const got = started.get(eventId) ?? new Map();
    return JSON.stringify([...got].sort()) !== JSON.stringify([...live].sort());
  });
  console.info(
    `routers: ${TENANTS * ROUNDS} rounds, ${expected.length} events, ${rows.length} runs, faults ${JSON.stringify(made)}, wrong ${wrong.length}`,
  );
  expect(wrong).toEqual([]);
  expect(rows.length).toBeGreaterThan(expected.length / 2);
});

/** Changes one flow of a tenant, then sends events that every live flow accepts, and records the live flows. */
async function changeAndSend(
  url: string,
  tenant: string,
  random: () => number,
  expected: Expected[],
): Promise<void> {
  await api(url, "PUT", `/tenants/${tenant}`, {});
  const live = new Map<string, number>();
  for (let round = 1; round <= ROUNDS; round += 1) {
    const flow = FLOWS[Math.floor(random() * FLOWS.length)] as string;
    const path = `/tenants/${tenant}/flows/${flow}`;
    const chosen = random();
    if (live.has(flow) && chosen < 0.3) {
      await api(url, "POST", `${path}/undeploy`);
      live.delete(flow);
    } else if (live.has(flow) && chosen < 0.4) {
      await api(url, "DELETE", path);
      live.delete(flow);
    } else {
      // Every version accepts the events of every round. Its number tells it from the others.
      const where = { op: "lt", path: "round", value: 1_000_000 + round };
      await putAndDeploy(url, tenant, flow, {
        trigger: { where },
        action: { type: "code", handler: "noop" },
      });
      live.set(flow, where.value);
    }
    const { event_ids } = (await api(url, "POST", `/tenants/${tenant}/events`, [
      { type: "t", data: { round } },
      { type: "t", data: { round }, priority: 4 },
    ])) as { event_ids: string[] };
    for (const eventId of event_ids) expected.push({ eventId, tenant, live: new Map(live) });
  }
}

async function breakThings(options: {
  routers: HeadraceProcess[];
  stores: Awaited<ReturnType<typeof privateStores>>;
  database: pg.Pool;
  random: () => number;
  isWorking: () => boolean;
}): Promise<Record<string, number>> {
  const { routers, stores, database, random, isWorking } = options;
  const made = { paused: 0, deafened: 0, flushed: 0 };
  const { Redis } = await import("ioredis");
  const redis = new Redis(stores.redisUrl);
  while (isWorking()) {
    const chosen = random();
    if (chosen < 0.5) {
      const router = routers[Math.floor(random() * routers.length)] as HeadraceProcess;
      process.kill(router.pid, "SIGSTOP");
      await delay(100 + random() * 400);
      process.kill(router.pid, "SIGCONT");
      made.paused += 1;
    } else if (chosen < 0.75) {
      await database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()",
      );
      made.deafened += 1;
    } else {
      await redis.flushall();
      made.flushed += 1;
    }
    await delay(50 + random() * 150);
  }
  redis.disconnect();
  return made;
}
