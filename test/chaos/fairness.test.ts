import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { createInstallation } from "../support/installation.ts";
import { api } from "../support/process.ts";
import { privateStores } from "../support/stores.ts";
import { putAndDeploy } from "../support/tenant.ts";

beforeAll(builtProgram);

const QUIET = ["t1", "t2", "t3", "t4", "t5"];
/** Events per second of each quiet tenant, and the factor by which the loud one sends more. */
const RATE = 4;
const LOUDER = 100;
const SECONDS = 8;

test("a tenant that sends a hundred times more than others barely delays them", {
  timeout: 120_000,
}, async () => {
  const { start, databaseUrl } = await createInstallation(await privateStores());
  const headrace = await start({ env: { HEADRACE_FLOWS_DIR: "bench/flows" } });
  for (const tenant of [...QUIET, "loud"]) {
    await api(headrace.url, "PUT", `/tenants/${tenant}`, {});
    const flow = { trigger: {}, action: { type: "code", handler: "noop" } };
    await putAndDeploy(headrace.url, tenant, "noop", flow);
  }
  const database = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  onTestFinished(() => database.end());
  const quietPhase = (phase: string) =>
    Promise.all(QUIET.map((tenant) => send(headrace.url, tenant, phase, { perSecond: RATE, batch: 1 })));

  await quietPhase("warm");
  await quietPhase("alone");
  await Promise.all([
    quietPhase("beside"),
    send(headrace.url, "loud", "loud", { perSecond: RATE * LOUDER, batch: 20 }),
  ]);
  const p99 = async (phase: string): Promise<number> => {
    const { rows } = await database.query<{ waiting: number; p99: number }>(
      `SELECT count(*) FILTER (WHERE r.finished_at IS NULL)::int AS waiting,
           percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM r.finished_at - e.received_at) * 1000) AS p99
         FROM events e LEFT JOIN runs r ON r.event_id = e.id WHERE e.type = $1`,
      [phase],
    );
    return rows[0]?.waiting === 0 ? rows[0].p99 : Number.NaN;
  };
  await expect.poll(() => p99("loud"), { timeout: 30_000 }).toBeGreaterThan(0);
  await expect.poll(() => p99("beside"), { timeout: 30_000 }).toBeGreaterThan(0);
  const [alone, beside, loud] = [await p99("alone"), await p99("beside"), await p99("loud")];
  console.info(
    `fairness: p99 from accept to end, quiet tenants alone ${Math.round(alone)} ms, beside one at ${LOUDER} times their rate ${Math.round(beside)} ms; that one ${Math.round(loud)} ms`,
  );
  // The promise is a factor of three. The constant is for other load of the machine.
  expect(beside).toBeLessThan(3 * alone + 500);
});

/** Sends events at a fixed rate for one phase, without waiting for responses. */
async function send(
  url: string,
  tenant: string,
  type: string,
  { perSecond, batch }: { perSecond: number; batch: number },
): Promise<void> {
  const calls: Promise<unknown>[] = [];
  const startedMs = performance.now();
  const total = (perSecond * SECONDS) / batch;
  for (let sent = 0; sent < total; sent += 1) {
    const dueMs = startedMs + (sent * batch * 1_000) / perSecond;
    await delay(Math.max(0, dueMs - performance.now()));
    const events = Array.from({ length: batch }, () => ({ type, data: {} }));
    calls.push(api(url, "POST", `/tenants/${tenant}/events`, events));
  }
  await Promise.all(calls);
}
