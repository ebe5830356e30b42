import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import pg from "pg";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { createInstallation } from "../support/installation.ts";
import { ADMIN_KEY, api, type HeadraceProcess } from "../support/process.ts";
import { startSink } from "../support/sink.ts";
import { privateStores } from "../support/stores.ts";
import { putAndDeploy } from "../support/tenant.ts";
import { until } from "../support/until.ts";

const MAIN = new URL("../../dist/cli/main.js", import.meta.url).pathname;

beforeAll(builtProgram);

interface Letter {
  id: string;
  status: string;
  stage: string;
  retry_count: number;
  replay_run_id: string | null;
  event_payload: { n: number };
}

/** Processes on private stores, a target that refuses until it is mended, and a flow that calls it. */
async function installation() {
  const { start, databaseUrl, redisUrl } = await createInstallation(await privateStores());
  const database = new pg.Client(databaseUrl);
  await database.connect();
  onTestFinished(() => database.end());
  const flusher = new Redis(redisUrl);
  onTestFinished(() => flusher.disconnect());
  const target = { mended: false };
  const sink = await startSink(() => (target.mended ? 200 : 400));
  const begin = (roles: string, failpoints = ""): Promise<HeadraceProcess> =>
    start({ roles, env: failpoints === "" ? {} : { HEADRACE_FAILPOINTS: failpoints } });
  const setUp = async (url: string) => {
    await api(url, "PUT", "/tenants/acme", {});
    await putAndDeploy(url, "acme", "f", {
      trigger: { event_types: ["order"] },
      action: { type: "http", url: sink.url },
    });
  };
  const letters = async (url: string) =>
    ((await api(url, "GET", "/tenants/acme/dlq?limit=1000")) as { items: Letter[] }).items;
  const gone = (process: HeadraceProcess) => until("the process is gone", () => process.ended);
  /** Ends all leases, as if the time of a killed process had passed. */
  const expire = async () => {
    await database.query("UPDATE outbox SET visible_at = now()");
    await database.query("UPDATE runs SET visible_at = now() WHERE state IN ('queued', 'running')");
  };
  return { database, flusher, target, sink, begin, setUp, letters, gone, expire };
}

const send = (url: string, type: string, count: number) =>
  api(
    url,
    "POST",
    "/tenants/acme/events",
    Array.from({ length: count }, (_, n) => ({ type, data: { n } })),
  );

describe("dead letters", () => {
  test("dead letters are written once when processes are killed before and after the write", async () => {
    const { database, begin, setUp, letters, gone, expire } = await installation();
    const base = await begin("api,relay,maintain");
    await setUp(base.url);
    const dying = await begin("route,execute", "capture.writing");
    await send(base.url, "order", 3);
    await gone(dying);
    expect(await letters(base.url)).toEqual([]);
    const written = begin("route,execute", "capture.written,capture.routed").catch(() => undefined);
    await until(
      "it was killed after it wrote",
      async () => {
        await expire();
        return (await letters(base.url)).length > 0;
      },
      { everyMs: 500 },
    );
    await written;
    await send(base.url, "nobody wants this", 2);
    await begin("route,execute");
    await until(
      "all are dead letters",
      async () => {
        await expire();
        return (await letters(base.url)).length === 5;
      },
      { everyMs: 500 },
    );
    await until("nothing is on its way", async () => {
      const { rows } = await database.query(`SELECT (SELECT count(*) FROM outbox)
        + (SELECT count(*) FROM runs WHERE state <> 'dead') AS n`);
      return Number(rows[0].n) === 0;
    });
    const stages = (await letters(base.url)).map((letter) => `${letter.stage} ${letter.event_payload.n}`);
    expect(stages.sort()).toEqual(["execute 0", "execute 1", "execute 2", "route 0", "route 1"]);
    const { rows } = await database.query(
      "SELECT attempts, outcome FROM runs r JOIN attempts a ON a.run_id = r.id",
    );
    expect(rows).toEqual(Array.from({ length: 3 }, () => ({ attempts: 1, outcome: "dead" })));
  }, 180_000);

  test("dead letters are replayed once when processes are killed and Redis is flushed", async () => {
    const { database, flusher, target, sink, begin, setUp, letters, gone } = await installation();
    const base = await begin("api,relay,route,execute");
    await setUp(base.url);
    await send(base.url, "order", 40);
    await until("all are dead letters", async () => (await letters(base.url)).length === 40);
    target.mended = true;
    sink.calls.length = 0;

    // A single replay by a process that is killed before its commit leaves nothing behind.
    const [one] = await letters(base.url);
    const clicked = await begin("api", "replay.written");
    await expect(api(clicked.url, "POST", `/tenants/acme/dlq/${one?.id}/replay`)).rejects.toThrow();
    await gone(clicked);
    expect(await letters(base.url)).toContainEqual(expect.objectContaining({ ...one, retry_count: 0 }));

    // A bulk replay by processes that are killed before a commit, and between a commit and its jobs.
    await api(base.url, "POST", "/tenants/acme/dlq/replay", {
      filter: { flow: "f" },
      rate_per_second: 1_000,
    });
    const first = begin("maintain", "replay.written").catch(() => undefined);
    await until("something was begun and taken back", async () => {
      await first;
      return (await first)?.ended ?? true;
    });
    expect((await letters(base.url)).every((letter) => letter.retry_count === 0)).toBe(true);
    const second = begin("maintain", "replay.committed").catch(() => undefined);
    await until("the canary was begun", async () =>
      (await letters(base.url)).some((letter) => letter.retry_count > 0),
    );
    await second;
    await flusher.flushall();
    await begin("maintain");
    await until("it is past its canary", async () => {
      const all = await letters(base.url);
      return all.filter((letter) => letter.retry_count > 0).length > 5;
    });
    await flusher.flushall();
    await until(
      "every letter is replayed",
      async () => (await letters(base.url)).every((letter) => letter.status === "replayed"),
      { withinMs: 60_000 },
    );
    const bulks = async () =>
      ((await api(base.url, "GET", "/tenants/acme/dlq/replays")) as { items: object[] }).items;
    await until("it has counted them", async () => JSON.stringify(await bulks()).includes('"state":"done"'));
    expect(await bulks()).toMatchObject([
      { state: "done", count: 40, started: 40, succeeded: 40, failed: 0, in_flight: 0 },
    ]);
    expect((await letters(base.url)).every((letter) => letter.retry_count === 1)).toBe(true);
    // A call can come twice with the same key. Each dead letter has one replay.
    const numbers = new Set(sink.calls.map((call) => (call.event.data as { n: number }).n));
    expect([numbers.size, new Set(sink.calls.map((call) => call.idempotencyKey)).size]).toEqual([40, 40]);
    const { rows } = await database.query(
      "SELECT count(*)::int AS runs, count(DISTINCT dead_letter_id)::int AS letters FROM runs WHERE replay_seq > 0",
    );
    expect(rows).toEqual([{ runs: 40, letters: 40 }]);
  }, 240_000);

  test("the command line lists, shows and replays dead letters", async () => {
    const { target, begin, setUp, letters } = await installation();
    const base = await begin("api,relay,route,execute,maintain");
    await setUp(base.url);
    await send(base.url, "order", 8);
    await until("all are dead letters", async () => (await letters(base.url)).length === 8);
    const run = async (...args: string[]) => {
      const own = ["--tenant", "acme", "--url", base.url, "--key", ADMIN_KEY];
      const ended = promisify(execFile)(process.execPath, [MAIN, "dlq", ...args, ...own]);
      return await ended.then(
        ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
        (error) => ({ code: error.code as number, stdout: error.stdout, stderr: error.stderr }),
      );
    };
    const listed = await run("ls", "--stage", "execute", "--limit", "3");
    expect(listed.stdout.trim().split("\n")).toHaveLength(3);
    expect(listed.stdout).toContain("pending  execute  f  The target answered 400");
    const { items } = JSON.parse((await run("ls", "--flow", "f", "--json")).stdout);
    expect(items).toHaveLength(8);
    const shown = JSON.parse((await run("show", items[0].id)).stdout);
    expect(shown).toMatchObject({ id: items[0].id, event_payload: items[0].event_payload });
    expect((await run("replay", "--flow", "f", "--dry-run")).stdout).toBe("8 would be replayed\n");
    expect(JSON.parse((await run("replay", "--stage", "route", "--dry-run", "--json")).stdout)).toEqual({
      dry_run: true,
      count: 0,
    });

    const failing = await run("replay", "--all", "--json");
    expect([failing.code, JSON.parse(failing.stdout)]).toEqual([
      1,
      expect.objectContaining({ state: "aborted", started: 5, failed: 5 }),
    ]);
    target.mended = true;
    expect((await run("replay", items[0].id)).stdout).toMatch(/^\S+: replayed by run \S+\n$/);
    await until("the one is replayed", async () =>
      (await letters(base.url)).some((letter) => letter.id === items[0].id && letter.status === "replayed"),
    );
    const refused = await run("replay", items[0].id);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining("there is nothing to replay"),
    ]);
    const rest = await run("replay", "--all");
    expect([rest.code, rest.stdout]).toEqual([0, "done: 7 succeeded, 0 failed\n"]);
    expect(rest.stderr).toContain(`[${"=".repeat(30)}] 7/7`);
    expect((await run("replay")).code).toBe(1);
    expect((await run("show", "01a208f8-2149-748f-94fe-b9c62a9e51c2")).code).toBe(1);
  }, 180_000);
});
