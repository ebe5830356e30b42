import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import pg from "pg";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { LANES } from "../../src/domain/priority.ts";
import { JOB_QUEUE, ROUTER_GROUP, redisKeys } from "../../src/redis/keys.ts";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { createInstallation } from "../support/installation.ts";
import { seededRandom } from "../support/mutate.ts";
import { freePorts } from "../support/ports.ts";
import type { HeadraceProcess } from "../support/process.ts";
import { startSink } from "../support/sink.ts";
import { privateStores } from "../support/stores.ts";
import { setUpTenant } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

const CHAOS_MS = 40_000;
const RATE_PER_SECOND = 100;
/** A delivery without a 200 is sent again after this time, up to this many times. */
const RETRY_MS = 500;
const MAX_TRIES = 20;
/** The time for recovery after the last fault. */
const RECOVERY_MS = 60_000;

/** The processes: two receive and two work, so that each role runs twice. */
const ROLES = [
  "api,receive,relay",
  "api,receive,relay,maintain",
  "relay,route,execute",
  "route,execute,maintain",
];

test("no event is lost or invented while Redis is flushed, processes are killed and PostgreSQL restarts", {
  timeout: CHAOS_MS + 3 * RECOVERY_MS,
}, async () => {
  const { postgres, redis: redisServer } = await privateStores();
  const { launch } = await createInstallation({ databaseUrl: postgres.url, redisUrl: redisServer.url });
  const ports = await freePorts(ROLES.length);
  const begin = (index: number) => launch({ port: ports[index], roles: ROLES[index] });
  const processes: HeadraceProcess[] = [];

  // A target that fails now and then, and rejects some events for good, which become dead letters.
  const sink = await startSink((call, number) =>
    isPoison(call.event.data) ? 400 : number % 50 === 0 ? 503 : 200,
  );
  processes.push(begin(0));
  await processes[0]?.ready();
  const { webhookPath } = await setUpTenant(processes[0]?.url as string, "acme", {
    every: {
      trigger: { connector: "shop" },
      action: { type: "http", url: sink.url },
      retry: { max_attempts: 20, backoff: "fixed", delay_ms: 200 },
    },
  });
  for (let index = 1; index < ROLES.length; index += 1) processes.push(begin(index));
  await Promise.all(processes.map((one) => one.ready()));

  const sent = {
    accepted: new Map<number, string>(),
    ambiguous: new Set<number>(),
    refused: new Set<number>(),
  };
  const count = { tries: 0, flushes: 0, kills: 0, restarts: 0 };
  const random = seededRandom(20_261_123);
  const flusher = new Redis(redisServer.url, { maxRetriesPerRequest: null });
  flusher.on("error", () => {});
  onTestFinished(() => flusher.disconnect());
  const endsAt = performance.now() + CHAOS_MS;
  const running = () => performance.now() < endsAt;
  const inFlight: Promise<void>[] = [];
  let number = 0;

  async function generate(): Promise<void> {
    while (running()) {
      inFlight.push(send(number++));
      await delay(1_000 / RATE_PER_SECOND);
    }
  }
  /** Sends like a provider: repeats a delivery, at either receiver, until one accepts it. */
  async function send(n: number): Promise<void> {
    const delivery = { id: `n-${n}`, type: "order.paid", data: { n, poison: n % 500 === 499 } };
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const got = await deliver(`http://127.0.0.1:${ports[(n + tries) % 2]}${webhookPath}`, delivery);
      count.tries += 1;
      if (got?.status === 200) {
        sent.accepted.set(n, got.body.event_id);
        return;
      }
      if (got !== undefined && got.status < 500) {
        sent.refused.add(n);
        return;
      }
      await delay(RETRY_MS);
    }
    sent.ambiguous.add(n);
  }
  async function flush(): Promise<void> {
    while (running()) {
      await delay(300 + random() * 400);
      await flusher.flushall();
      count.flushes += 1;
    }
  }
  async function kill(): Promise<void> {
    while (running()) {
      await delay(1_000);
      const index = Math.floor(random() * processes.length);
      await processes[index]?.end("SIGKILL");
      processes[index] = begin(index);
      count.kills += 1;
    }
  }
  async function restart(): Promise<void> {
    await delay(CHAOS_MS / 2);
    await postgres.restart();
    count.restarts += 1;
  }
  await Promise.all([generate(), flush(), kill(), restart()]);
  await Promise.all(inFlight);
  await Promise.all(processes.map((one) => one.ready()));

  const database = new pg.Pool({ connectionString: postgres.url, max: 2 });
  database.on("error", () => {});
  onTestFinished(() => database.end());
  const number_ = async (sql: string) => Number((await database.query(sql)).rows[0].n);
  const unfinished = () =>
    number_(`SELECT (SELECT count(*) FROM outbox)
        + (SELECT count(*) FROM runs WHERE state IN ('queued', 'running', 'failed')) AS n`);
  const drainedFrom = performance.now();
  await until("every event is routed and every run ended", async () => (await unfinished()) === 0, {
    withinMs: RECOVERY_MS,
  });
  const drainMs = Math.round(performance.now() - drainedFrom);

  const { rows } = await database.query(`SELECT e.id, e.delivery_key,
        (SELECT count(*) FROM runs r WHERE r.event_id = e.id AND r.state = 'succeeded')::int AS succeeded,
        (SELECT count(*) FROM dead_letters d WHERE d.event_id = e.id)::int AS dead
      FROM events e`);
  const ends = new Map(rows.map((row) => [row.id, row]));
  const lost = [...sent.accepted.values()].filter((id) => {
    const end = ends.get(id);
    return end === undefined || end.succeeded + end.dead !== 1;
  });
  const called = new Set(sink.calls.map((call) => (call.event.data as { data: { n: number } }).data.n));
  const phantom = [...called].filter((n) => !sent.accepted.has(n) && !sent.ambiguous.has(n));
  const uncalled = [...sent.accepted.keys()].filter((n) => !called.has(n));
  const keysOf = new Map<string, Set<string>>();
  for (const { event, idempotencyKey } of sink.calls) {
    keysOf.set(event.id, (keysOf.get(event.id) ?? new Set()).add(idempotencyKey));
  }
  console.log(
    JSON.stringify({
      sent: number,
      accepted: sent.accepted.size,
      ambiguous: sent.ambiguous.size,
      refused: sent.refused.size,
      stored: rows.length,
      ...count,
      lost: lost.length,
      phantom: phantom.length,
      succeeded: rows.filter((row) => row.succeeded === 1).length,
      dead_letters: rows.filter((row) => row.dead === 1).length,
      calls: sink.calls.length,
      calls_repeated: sink.calls.length - called.size,
      drain_ms: drainMs,
    }),
  );
  expect(lost).toEqual([]);
  expect(phantom).toEqual([]);
  expect(uncalled).toEqual([]);
  expect([...sent.refused]).toEqual([]);
  expect(sent.accepted.size).toBeGreaterThan(0.5 * number);
  expect(count.flushes).toBeGreaterThan(60);
  expect(count.kills).toBeGreaterThan(20);
  // Every call of one run has the same key, whichever process made it.
  expect([...keysOf.values()].every((keys) => keys.size === 1)).toBe(true);

  // An idle system: nothing in the streams, nothing pending, no job, no lease.
  const { rows: installation } = await database.query("SELECT id FROM installation");
  const keys = redisKeys(installation[0].id);
  await until(
    "Redis holds no entry, no pending entry and no job",
    async () => {
      const left = await Promise.all(
        LANES.flatMap((lane) => [
          flusher.xlen(keys.stream(lane)),
          flusher.xpending(keys.stream(lane), ROUTER_GROUP).then(
            (pending) => Number((pending as unknown[])[0]),
            () => 0,
          ),
          flusher.llen(`${keys.jobs(lane)}:${JOB_QUEUE}:wait`),
          flusher.llen(`${keys.jobs(lane)}:${JOB_QUEUE}:active`),
        ]),
      );
      return left.every((waiting) => waiting === 0);
    },
    { withinMs: RECOVERY_MS },
  );
  const exits = await Promise.all(processes.map((one) => one.end("SIGTERM")));
  expect(exits).toEqual(ROLES.map(() => 0));
});

function isPoison(data: unknown): boolean {
  return (data as { data?: { poison?: boolean } }).data?.poison === true;
}
