import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { createInstallation } from "../support/installation.ts";
import { serve } from "../support/local-target.ts";
import { api, type HeadraceProcess } from "../support/process.ts";
import { privateStores } from "../support/stores.ts";
import { setUpTenant } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

/** Two copies of the program on one database, each with every role. */
async function startCopies(stores?: {
  databaseUrl: string;
  redisUrl: string;
}): Promise<[HeadraceProcess, HeadraceProcess]> {
  const { start } = await createInstallation(stores);
  return [await start(), await start()];
}

interface Call {
  data: { n: number; key?: string };
  startMs: number;
  endMs: number;
}

/** A target that responds after `takesMs`, and records when each call began and ended. */
async function startTarget(
  takesMs: number,
  answer: (data: Call["data"], number: number) => number = () => 200,
) {
  const calls: Call[] = [];
  const target = await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    const startMs = performance.now();
    for await (const chunk of request) chunks.push(chunk);
    const { data } = (JSON.parse(Buffer.concat(chunks).toString()) as { data: { data: Call["data"] } }).data;
    const call = { data, startMs, endMs: Number.POSITIVE_INFINITY };
    const status = answer(data, calls.push(call));
    await delay(takesMs);
    call.endMs = performance.now();
    response.writeHead(status).end();
  });
  /** The most calls in flight at once. */
  const peak = () => {
    const moments = calls.flatMap(({ startMs, endMs }) => [
      { at: startMs, step: 1 },
      { at: endMs, step: -1 },
    ]);
    moments.sort((left, right) => left.at - right.at || left.step - right.step);
    let now = 0;
    return moments.reduce((most, { step }) => {
      now += step;
      return Math.max(most, now);
    }, 0);
  };
  return { url: `${target.url}/`, origin: target.url, calls, peak };
}

async function send(copies: HeadraceProcess[], path: string, data: Call["data"][]): Promise<void> {
  for (const [index, one] of data.entries()) {
    const copy = copies[index % copies.length] as HeadraceProcess;
    const got = await deliver(`${copy.url}${path}`, { id: `n-${one.n}`, type: "order.paid", data: one });
    expect(got?.status).toBe(200);
  }
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ n }));
const trigger = { connector: "shop" };

interface ShownRun {
  id: string;
  status: string;
  attempts: unknown[];
  held_reason: string | null;
  held_until: string | null;
}

async function runsOf(copy: HeadraceProcess, query = ""): Promise<ShownRun[]> {
  return ((await api(copy.url, "GET", `/tenants/acme/runs?limit=1000${query}`)) as { items: ShownRun[] })
    .items;
}

describe("limits over two copies", () => {
  test("a flow's concurrency and rate limits hold over two copies while Redis is flushed", {
    timeout: 120_000,
  }, async () => {
    const stores = await privateStores();
    const copies = await startCopies(stores);
    const [first] = copies;
    const slow = await startTarget(40);
    const paced = await startTarget(0);
    const { webhookPath } = await setUpTenant(first.url, "acme", {
      slow: { trigger, action: { type: "http", url: slow.url }, concurrency: 3 },
      paced: { trigger, action: { type: "http", url: paced.url }, rate_limit: { per_second: 20 } },
    });
    const beganMs = performance.now();
    await send(copies, webhookPath, numbers(80));
    const flusher = new Redis(stores.redisUrl);
    onTestFinished(() => flusher.disconnect());
    await flusher.flushall();
    await until("some are held, visibly", async () =>
      (await runsOf(first)).some((run) => run.held_reason !== null && run.held_until !== null),
    );
    await until("all were called", () => slow.calls.length === 80 && paced.calls.length === 80, {
      withinMs: 60_000,
    });
    const starts = paced.calls.map((call) => call.startMs).sort((left, right) => left - right);
    const inASecond = starts.map((from) => starts.filter((at) => at >= from && at < from + 1_000).length);
    const slowMs = Math.max(...slow.calls.map((call) => call.endMs)) - beganMs;
    console.log(
      `concurrency 3: at most ${slow.peak()} at once, 80 calls of 40 ms in ${Math.round(slowMs)} ms; ` +
        `20 a second: at most ${Math.max(...inASecond)} within a second, 80 calls in ${Math.round((starts.at(-1) ?? 0) - (starts[0] ?? 0))} ms`,
    );
    expect(slow.peak()).toBe(3);
    // The limit applies to starts of runs. Their calls follow some milliseconds later.
    expect(Math.max(...inASecond)).toBeLessThanOrEqual(25);
    await until("all succeeded", async () => {
      const runs = await runsOf(first);
      return runs.length === 160 && runs.every((run) => run.status === "succeeded");
    });
  });
});

describe("the order of a key over two copies", () => {
  test("the order of a key holds while a copy is killed, across retries, and skips dead runs", {
    timeout: 180_000,
  }, async () => {
    const [first, second] = await startCopies();
    // Every seventh call fails and is retried; event 13 fails for good.
    const target = await startTarget(40, (data, number) =>
      data.n === 13 ? 400 : number % 7 === 0 ? 503 : 200,
    );
    const retry = { max_attempts: 50, backoff: "fixed", delay_ms: 30 };
    const { webhookPath } = await setUpTenant(first.url, "acme", {
      ordered: {
        trigger,
        action: { type: "http", url: target.url },
        retry,
        order_by: "data.key",
        on_order_failure: "skip",
      },
    });
    const data = Array.from({ length: 120 }, (_, n) => ({ n, key: `k${n % 6}` }));
    const sending = send([first], webhookPath, data);
    await until("a part is done", () => target.calls.length > 30, { everyMs: 5 });
    await second.end("SIGKILL");
    const killedAt = target.calls.length;
    await sending;
    await until(
      "every run has ended",
      async () => {
        const runs = await runsOf(first);
        return (
          runs.length === 120 && runs.every((run) => run.status === "succeeded" || run.status === "dead")
        );
      },
      { withinMs: 120_000, everyMs: 250 },
    );
    for (let key = 0; key < 6; key += 1) {
      const calls = target.calls.filter((call) => call.data.key === `k${key}`);
      const order = calls.map((call) => call.data.n);
      expect(order).toEqual([...order].sort((left, right) => left - right));
      expect(new Set(order).size).toBe(20);
      // Each call begins after the one before it has ended.
      for (const [index, call] of calls.slice(1).entries())
        expect(call.startMs).toBeGreaterThanOrEqual(calls[index]?.endMs ?? 0);
    }
    const dead = (await runsOf(first)).filter((run) => run.status === "dead");
    expect(dead).toHaveLength(1);
    console.log(
      `killed after ${killedAt} calls; ${target.calls.length} calls of 120 events, in order for 6 keys`,
    );
  });
});

describe("a circuit breaker", () => {
  test("a circuit breaker opens, holds runs without spending attempts, probes and closes", {
    timeout: 180_000,
  }, async () => {
    const copies = await startCopies();
    const [first] = copies;
    let isDown = true;
    const target = await startTarget(1, () => (isDown ? 503 : 200));
    const { webhookPath } = await setUpTenant(first.url, "acme", {
      failing: {
        trigger,
        action: { type: "http", url: target.url },
        retry: { max_attempts: 100, backoff: "fixed", delay_ms: 400 },
      },
    });
    interface Shown {
      target: string;
      state: string;
      held_runs: number;
      closed_at: string | null;
    }
    const breaker = async () => {
      const { items } = (await api(first.url, "GET", "/tenants/acme/breakers")) as { items: Shown[] };
      return items.find((one) => one.target === target.origin);
    };
    await send(copies, webhookPath, numbers(30));
    await until("it is open", async () => (await breaker())?.state === "open");
    await send(
      copies,
      webhookPath,
      Array.from({ length: 40 }, (_, n) => ({ n: 100 + n })),
    );
    await until("what comes is held", async () => ((await breaker())?.held_runs ?? 0) >= 60);
    const reason = `circuit_open ${target.origin}`;
    const held = (await runsOf(first, "&status=queued")).filter((run) => run.held_reason === reason);
    const unspent = held.filter((run) => run.attempts.length === 0);
    expect(unspent.length).toBeGreaterThan(30);
    const callsBefore = target.calls.length;
    await until("it was tried, and is open still", () => target.calls.length > callsBefore);
    const probes = target.calls.length - callsBefore;
    isDown = false;
    await until("it has closed", async () => (await breaker())?.closed_at !== null, { withinMs: 60_000 });
    await until(
      "all succeeded",
      async () => {
        const runs = await runsOf(first);
        return runs.length === 70 && runs.every((run) => run.status === "succeeded");
      },
      { withinMs: 60_000 },
    );
    const attempts = (await runsOf(first)).reduce((sum, run) => sum + run.attempts.length, 0);
    console.log(
      `open after ${callsBefore} calls; ${held.length} held, ${unspent.length} of them with no attempt; ` +
        `${probes} calls in the probe's time; 70 runs took ${attempts} attempts`,
    );
    expect(probes).toBeLessThanOrEqual(2);
    expect(await breaker()).toMatchObject({ state: "closed", held_runs: 0 });
  });
});
