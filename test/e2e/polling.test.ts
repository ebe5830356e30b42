import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import pg from "pg";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { type FakeApi, fakeOrders, startFakeApi } from "../support/fake-api.ts";
import { createInstallation } from "../support/installation.ts";
import { seededRandom } from "../support/mutate.ts";
import { ADMIN_KEY, api, type HeadraceProcess } from "../support/process.ts";
import { privateStores } from "../support/stores.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

/** For tests in which processes start, are killed and start again. */
const SLOW_MS = 180_000;

async function fakeApi(records: number): Promise<FakeApi> {
  const provider = await startFakeApi(fakeOrders(records));
  onTestFinished(() => provider.close());
  return provider;
}

/** Processes on private stores: the first serves the API and does not poll, the others poll. */
async function setUp(pollers: number) {
  const { launch, start, databaseUrl, redisUrl } = await createInstallation(await privateStores());
  const front = await start({ roles: "api,maintain" });
  const all = await Promise.all(Array.from({ length: pollers }, () => start({ roles: "poll" })));
  const database = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  const redis = new Redis(redisUrl);
  onTestFinished(async () => {
    redis.disconnect();
    await database.end();
  });
  return { front, pollers: all, launchPoller: () => launch({ roles: "poll" }), database, redis };
}

async function putSource(
  url: string,
  provider: FakeApi,
  { tenant = "acme", source = "orders", connector = "shop", ...over }: Record<string, unknown> = {},
): Promise<string> {
  await api(url, "PUT", `/tenants/${tenant}`, {});
  await api(url, "PUT", `/connectors/${connector}`, { source: provider.source("page") });
  const path = `/tenants/${tenant}/sources/${source}`;
  await api(url, "PUT", path, {
    connector,
    entity: "order",
    params: { base_url: provider.url },
    base_interval_seconds: 1,
    min_interval_seconds: 1,
    max_interval_seconds: 1,
    ...over,
  });
  return path;
}

describe("pollers", () => {
  test("pollers report each change once and read each source one at a time while they are killed, paused and Redis is flushed", {
    timeout: SLOW_MS,
  }, async () => {
    const { front, pollers, launchPoller, database, redis } = await setUp(3);
    const providers = await Promise.all(Array.from({ length: 6 }, () => fakeApi(25)));
    for (const [n, provider] of providers.entries()) {
      provider.fault = () => ({ kind: "slow", ms: 60 });
      await putSource(front.url, provider, { tenant: `t${n % 2}`, source: `s${n}`, connector: `shop${n}` });
    }
    const baselined = async () => {
      const { rows } = await database.query("SELECT count(*)::int AS n FROM source_states WHERE baselined");
      return rows[0].n === providers.length;
    };
    await until("every source was polled once", baselined);
    /** Whether every source was polled completely so many times by polls that began after the time. */
    const allPolledSince = async (sinceMs: number, times = 1) => {
      const { rows } = await database.query(
        `SELECT count(*)::int AS n FROM (SELECT tenant_id, source FROM polls WHERE complete AND started_at > $1
          GROUP BY tenant_id, source HAVING count(*) >= $2) polled`,
        [new Date(sinceMs), times],
      );
      return rows[0].n === providers.length;
    };
    const pollsSince = async (sinceMs: number) => {
      const { rows } = await database.query(
        "SELECT count(*)::int AS n FROM polls WHERE complete AND started_at > $1",
        [new Date(sinceMs)],
      );
      return rows[0].n;
    };
    const random = seededRandom(20_261_126);
    let made = 0;
    let changing = true;
    const changes = (async () => {
      while (changing) {
        const n = Math.floor(random() * providers.length);
        const id = 1 + Math.floor(random() * 25);
        made += 1;
        providers[n]?.records.update(id, { total: 1_000 + made });
        await delay(100);
      }
    })();
    const flushedAt: number[] = [];
    const faults = { killed: 0, paused: 0, flushed: 0 };
    /** Resumes a paused poller once others have polled every source, so that its leases have ended. */
    let resumed = Promise.resolve();
    const resumeLater = async (victim: HeadraceProcess) => {
      const pausedAt = Date.now();
      await until("others polled every source", () => allPolledSince(pausedAt));
      process.kill(victim.pid, "SIGCONT");
      await victim.ready();
    };
    for (let round = 0; round < 6; round += 1) {
      const index = round % pollers.length;
      const victim = pollers[index] as HeadraceProcess;
      const brokenAt = Date.now();
      if (round % 3 === 0) {
        await victim.end("SIGKILL");
        pollers[index] = launchPoller();
        faults.killed += 1;
      } else if (round % 3 === 1) {
        await resumed;
        process.kill(victim.pid, "SIGSTOP");
        resumed = resumeLater(victim);
        faults.paused += 1;
      } else {
        await redis.flushall();
        flushedAt.push(Date.now());
        faults.flushed += 1;
      }
      // The next fault comes while this one lasts, after about two seconds' worth of polls.
      await until("polls go on", async () => (await pollsSince(brokenAt)) >= 2 * providers.length);
    }
    changing = false;
    await changes;
    await resumed;
    await Promise.all(pollers.map((poller) => poller.ready()));
    const settledAt = Date.now();
    await until("every source was polled twice after the last change", () => allPolledSince(settledAt, 2));
    const { rows: events } = await database.query<{
      source: string;
      subject: string;
      total: number;
      type: string;
      at: string;
    }>(
      `SELECT connector AS source, subject, type, (convert_from(payload, 'UTF8')::json ->> 'total')::int AS total,
          ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint AS at FROM events
        WHERE source = 'poll' ORDER BY id`,
    );
    const told = new Map<string, number>();
    const again: string[] = [];
    for (const { source, subject, total, at } of events) {
      const change = `${source}/${subject}/${total}`;
      const before = told.get(change);
      // Once, except that a flush of Redis also loses the record that a change was reported.
      const lost = flushedAt.some(
        (flush) => before !== undefined && before < flush + 1_000 && flush < Number(at),
      );
      if (before !== undefined && !lost) again.push(change);
      told.set(change, Number(at));
    }
    // Each provider is slow, so two readings at the same time would interleave their pages.
    const overlaps = providers.flatMap((provider) => overlapping(provider));
    console.info(
      `pollers: ${told.size} changes told in ${events.length} events, of ${made} made, faults ${JSON.stringify(faults)}, overlapping readings ${overlaps.length}`,
    );
    expect(overlaps).toEqual([]);
    expect(events.every(({ type }) => type === "order.updated")).toBe(true);
    expect(again).toEqual([]);
    for (const [n, provider] of providers.entries()) {
      for (const record of provider.records.all()) {
        if (Number(record["total"]) < 1_000) continue;
        expect(told.has(`shop${n}/${record.id}/${record["total"]}`)).toBe(true);
      }
    }
  });

  test("pollers poll at once on request of the API, but never before a Retry-After has ended", {
    timeout: SLOW_MS,
  }, async () => {
    const { front, pollers, redis } = await setUp(2);
    const provider = await fakeApi(25);
    const slow = { base_interval_seconds: 600, min_interval_seconds: 600, max_interval_seconds: 600 };
    const path = await putSource(front.url, provider, slow);
    const poll = async () =>
      (await api(front.url, "POST", `${path}/poll?wait=true`)) as Record<string, unknown>;
    expect(await poll()).toMatchObject({ status: "ok", complete: true, records: 25, created: 0 });
    provider.records.update(3, { total: 5 });
    expect(await poll()).toMatchObject({ status: "ok", updated: 1, created: 0 });

    // A failing source backs off, and is still polled on request. The command line prints the outcome.
    provider.failNext({ kind: "status", status: 500 });
    expect(await poll()).toMatchObject({ status: "error", error: { code: "SERVER_ERROR" } });
    expect(await api(front.url, "GET", path)).toMatchObject({ state: "error", failures: 1 });
    const cli = await sourcesCommand(front.url, "poll", "orders", "--wait", "--json");
    expect(JSON.parse(cli)).toMatchObject({ status: "ok", records: 25 });
    expect(await sourcesCommand(front.url, "ls")).toMatch(
      /^orders {2}shop\/order {2}ok {2}25 records {2}every 600 s/,
    );

    provider.failNext({ kind: "rate_limited", retryAfter: "4" });
    expect(await poll()).toMatchObject({ status: "rate_limited" });
    const limitedAt = provider.requests.at(-1)?.atMs ?? 0;
    const sent = provider.requests.length;
    await redis.flushall();
    await pollers[0]?.end("SIGTERM");
    expect(await poll()).toMatchObject({ status: "rate_limited", records: 0 });
    expect(provider.requests).toHaveLength(sent);
    await until("the provider is asked again", async () => {
      await poll();
      return provider.requests.length > sent;
    });
    expect(provider.requests[sent]?.atMs).toBeGreaterThanOrEqual(limitedAt + 4_000);
  });

  test.each([
    ["stops", "SIGTERM", 8],
    ["was killed", "SIGKILL", 11],
  ] as const)(
    "a poller soon takes over the poll of one that %s",
    {
      timeout: SLOW_MS,
    },
    async (_, signal, seconds) => {
      const { front, pollers, launchPoller, database } = await setUp(1);
      const provider = await fakeApi(25);
      provider.fault = () => ({ kind: "hang" });
      const path = await putSource(front.url, provider);
      await until("a poll is under way", () => provider.pages().length > 0);
      await launchPoller().ready();
      provider.fault = () => undefined;
      const sent = provider.pages().length;
      const endedAt = Date.now();
      await pollers[0]?.end(signal);
      await until("the other one asks", () => provider.pages().length > sent);
      const waitedS = ((provider.pages()[sent]?.atMs ?? 0) - endedAt) / 1_000;
      console.info(`pollers: ${waitedS.toFixed(1)} s after ${signal} the other one asked`);
      expect(waitedS).toBeLessThan(seconds);
      await until("its poll is ok", async () => {
        return ((await api(front.url, "GET", path)) as { state: string }).state === "ok";
      });
      expect((await database.query("SELECT 1 FROM events")).rows).toEqual([]);
    },
  );
});

/** Runs `headrace sources …` and returns its output. */
async function sourcesCommand(url: string, ...args: string[]): Promise<string> {
  const [command = "", ...rest] = args;
  const main = new URL("../../dist/cli/main.js", import.meta.url).pathname;
  const given = ["sources", command, ...rest, "--tenant", "acme", "--url", url, "--key", ADMIN_KEY];
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...given]);
  return stdout.trim();
}

/** Readings that overlap: pages that do not follow the page before them. */
function overlapping(provider: FakeApi): string[] {
  const pages = provider.pages();
  return pages.flatMap((page, index) => {
    const before = pages[index - 1];
    const expected = page.page === 1 || before?.page === (page.page ?? 0) - 1;
    return expected ? [] : [`page ${page.page} after page ${before?.page}`];
  });
}
