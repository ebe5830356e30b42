import { beforeAll, describe, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { flowsFolder } from "../support/flows-folder.ts";
import { createInstallation } from "../support/installation.ts";
import { serve } from "../support/local-target.ts";
import { api } from "../support/process.ts";
import { putAndDeploy } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

interface ShownRun {
  id: string;
  status: string;
  attempts: unknown[];
}

/** A process that accepts and routes events, and a function that starts a worker. */
async function installation() {
  const { start } = await createInstallation();
  const base = await start({ roles: "api,relay,route" });
  const call = (method: string, path: string, body?: unknown) =>
    api(base.url, method, `/tenants/acme${path}`, body);
  await call("PUT", "", {});
  return {
    startWorker: (env: Record<string, string> = {}) => start({ roles: "execute", env }),
    call,
    async deploy(flow: string, definition: object) {
      await putAndDeploy(base.url, "acme", flow, definition);
    },
    runs: async (query = "") => ((await call("GET", `/runs${query}`)) as { items: ShownRun[] }).items,
  };
}

describe("a run whose worker", () => {
  test("a run whose worker is paused past its lease goes to another, and the late result is rejected", async () => {
    const calls: { path: string; key: string }[] = [];
    const target = await serve((request, response) => {
      calls.push({ path: String(request.url), key: String(request.headers["idempotency-key"]) });
      // The paused worker's call gets an error while it is paused, which must not count.
      const first = calls.filter(({ path }) => path === request.url).length === 1;
      setTimeout(() => response.writeHead(first ? 500 : 200).end(), first ? 2_000 : 0);
    });
    const { folder } = flowsFolder({
      "block.mjs": `
        export default { id: "block", async handler({ idempotencyKey }) {
          await fetch("${target.url}/block", { method: "POST", headers: { "idempotency-key": idempotencyKey } });
          if (process.env.LATE === undefined) return;
          await new Promise((resolve) => setTimeout(resolve, 500));
          throw new Error("late");
        } };`,
    });
    const { startWorker, call, deploy, runs } = await installation();
    await deploy("stop", {
      trigger: { event_types: ["stop"] },
      action: { type: "http", url: `${target.url}/stop` },
      retry: { max_attempts: 1 },
    });
    await deploy("block", {
      trigger: { event_types: ["block"] },
      action: { type: "code", handler: "block" },
      retry: { max_attempts: 1 },
    });
    // Each worker is the only one when its run is queued.
    const stopping = await startWorker({ HEADRACE_FLOWS_DIR: folder });
    await call("POST", "/events", { type: "stop", data: {} });
    await until("the first worker has called", () => calls.some(({ path }) => path === "/stop"));
    process.kill(stopping.pid, "SIGSTOP");
    const late = { LATE: "1", HEADRACE_FLOW_ENV: "LATE" };
    const blocking = await startWorker({ HEADRACE_FLOWS_DIR: folder, ...late });
    await call("POST", "/events", { type: "block", data: {} });
    await until("the second worker has called", () => calls.some(({ path }) => path === "/block"));
    // The handler's own process goes on, but its worker is paused.
    process.kill(blocking.pid, "SIGSTOP");

    await startWorker({ HEADRACE_FLOWS_DIR: folder });
    await until("another worker has done both", async () => (await runs("?status=succeeded")).length === 2, {
      withinMs: 40_000,
    });
    for (const { pid } of [stopping, blocking]) process.kill(pid, "SIGCONT");
    await until("the stopped one is back", () => stopping.ready().then(() => true));
    await until("the other stopped one is back", () => blocking.ready().then(() => true), {
      withinMs: 40_000,
    });
    const shown = await runs();
    expect(shown.map((run) => [run.status, run.attempts.length])).toEqual([
      ["succeeded", 1],
      ["succeeded", 1],
    ]);
    for (const path of ["/stop", "/block"]) {
      const keys = calls.filter((one) => one.path === path).map((one) => one.key);
      expect(keys).toHaveLength(2);
      expect(new Set(keys).size).toBe(1);
    }
    expect(((await call("GET", "/dlq")) as { items: unknown[] }).items).toEqual([]);
  }, 120_000);

  test("a worker that receives SIGTERM hands back unfinished runs and exits within 15 s", async () => {
    const keys = new Map<string, number>();
    let hang = true;
    const target = await serve((request, response) => {
      const key = String(request.headers["idempotency-key"]);
      keys.set(key, (keys.get(key) ?? 0) + 1);
      // The target never answers one call in ten of the first worker.
      if (hang && keys.size % 10 === 0) return;
      setTimeout(() => response.writeHead(204).end(), 50);
    });
    const { startWorker, call, deploy, runs } = await installation();
    await deploy("work", {
      trigger: {},
      action: { type: "http", url: target.url, timeout_ms: 30_000 },
      retry: { max_attempts: 1 },
    });
    const ending = await startWorker();
    const events = Array.from({ length: 500 }, (_, number) => ({ type: "t", data: { number } }));
    await call("POST", "/events", events);
    await until("the worker is busy", () => keys.size > 50);
    const startedMs = performance.now();
    const exitCode = await ending.end("SIGTERM");
    const seconds = (performance.now() - startedMs) / 1_000;
    expect(exitCode).toBe(0);
    expect(seconds).toBeLessThan(15);
    hang = false;

    await startWorker();
    await until(
      "every run has succeeded",
      async () => (await runs("?status=succeeded&limit=1000")).length === 500,
      { withinMs: 40_000 },
    );
    expect(keys.size).toBe(500);
    const twice = [...keys.values()].filter((times) => times > 1).length;
    console.info(
      `drain: gone after ${seconds.toFixed(1)} s; ${twice} of 500 calls were repeated, with their key`,
    );
    expect(Math.max(...keys.values())).toBeLessThanOrEqual(2);
  }, 120_000);
});
