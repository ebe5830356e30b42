import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { listProcesses } from "../../src/embedded/processes.ts";
import { builtProgram } from "../support/built.ts";
import { flowFile } from "../support/flow-hosts.ts";
import { flowsFolder } from "../support/flows-folder.ts";
import { createInstallation } from "../support/installation.ts";
import { serve } from "../support/local-target.ts";
import { ADMIN_KEY, api, type HeadraceProcess } from "../support/process.ts";
import { putAndDeploy } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

interface ShownRun {
  id: string;
  flow_id: string;
  status: string;
  attempts: { error: { code: string; message: string } | null }[];
}

/** A process with a flow for each handler, and a function that starts another one. */
async function installation(files: Record<string, string>, env: Record<string, string> = {}) {
  const { start } = await createInstallation();
  const { folder } = flowsFolder(
    Object.fromEntries(Object.entries(files).map(([id, body]) => [`${id}.mjs`, flowFile(id, body)])),
  );
  const startAnother = () =>
    start({ env: { HEADRACE_FLOWS_DIR: folder, HEADRACE_FLOW_MEMORY_MB: "64", ...env } });
  return { headrace: await startAnother(), startAnother };
}

async function deploy(url: string, tenant: string, flow: string, maxAttempts: number): Promise<void> {
  await api(url, "PUT", `/tenants/${tenant}`, {});
  await putAndDeploy(url, tenant, flow, {
    trigger: { event_types: [flow] },
    action: { type: "code", handler: flow },
    retry: { backoff: "fixed", delay_ms: 10, max_attempts: maxAttempts },
  });
}

async function runs(url: string, tenant: string): Promise<ShownRun[]> {
  const { items } = (await api(url, "GET", `/tenants/${tenant}/runs?limit=1000`)) as { items: ShownRun[] };
  return items;
}

/** The flow hosts of a process. */
function hostsOf({ pid }: HeadraceProcess) {
  return listProcesses().filter(({ parentPid, commandLine }) => parentPid === pid && commandLine !== "");
}

/** Bad handlers, and the error of an attempt of each. */
const BAD: Record<string, { body: string; code: string; says: RegExp }> = {
  rejection: {
    body: `Promise.reject(new Error("nobody handles it")); return 1;`,
    code: "HANDLER_THREW",
    says: /nobody handles it/,
  },
  timer: {
    body: `setTimeout(() => { throw new Error("thrown in a timer"); }, 1); await new Promise(() => {});`,
    code: "HANDLER_THREW",
    says: /thrown in a timer/,
  },
  emitter: {
    body: `const { EventEmitter } = await import("node:events");
      setImmediate(() => new EventEmitter().emit("error", new Error("an emitter's error")));
      await new Promise(() => {});`,
    code: "HANDLER_THREW",
    says: /an emitter's error/,
  },
  exit: { body: "process.exit(0);", code: "HANDLER_CRASHED", says: /process\.exit\(0\)/ },
  abort: { body: "process.abort();", code: "HANDLER_CRASHED", says: /process\.abort/ },
  crash: {
    // Like a fault in native code, which JavaScript cannot catch.
    body: `const { execFileSync } = await import("node:child_process");
      execFileSync("/bin/sh", ["-c", "kill -SEGV $PPID"]);
      await new Promise((resolve) => setTimeout(resolve, 5_000));`,
    code: "HANDLER_CRASHED",
    says: /SIGSEGV/,
  },
  loop: { body: "for (;;);", code: "HANDLER_STUCK", says: /made no turn/ },
  microtasks: { body: "for (;;) await undefined;", code: "HANDLER_STUCK", says: /made no turn/ },
  heap: {
    body: "const all = []; for (;;) all.push(new Array(1_000).fill(all.length));",
    code: "HANDLER_OUT_OF_MEMORY",
    says: /heap|memory/,
  },
  buffers: {
    body: `const all = [];
      for (;;) {
        all.push(Buffer.alloc(10_000_000, 1));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }`,
    code: "HANDLER_OUT_OF_MEMORY",
    says: /MiB/,
  },
  recursion: {
    body: "const deeper = (n) => deeper(n + 1) + 1; return deeper(0);",
    code: "HANDLER_THREW",
    says: /Maximum call stack/,
  },
  object: {
    body: `const error = new Error(); error.message = { a: 1 }; throw error;`,
    code: "HANDLER_THREW",
    says: /^\{"a":1\}$/,
  },
  surrogate: { body: `throw { text: "\\ud800\\0" };`, code: "HANDLER_THREW", says: /^\{"text":/ },
  nothing: { body: "throw undefined;", code: "HANDLER_THREW", says: /^undefined$/ },
  hostile: {
    body: `const error = new Error("x");
      Object.defineProperty(error, "message", { get() { throw new Error("a getter"); } });
      Object.defineProperty(error, "stack", { get() { throw new Error("a getter"); } });
      throw new Proxy(error, { getPrototypeOf() { throw new Error("a trap"); } });`,
    code: "HANDLER_THREW",
    says: /./,
  },
};

/** Unusual handlers that succeed. */
const ODD: Record<string, string> = {
  bigint: "return 10n;",
  circular: "const all = { process }; all.all = all; return all;",
  huge: `return "x".repeat(200_000_000);`,
  logs: `const circular = {}; circular.self = circular;
    log.info("odd", { circular, big: 1n, at: () => {}, get bad() { throw new Error("no"); } });
    log.warn(Symbol("odd"), 5); log.error({ message: "odd" });
    for (let n = 0; n < 5_000; n += 1) log.info("line " + n, { text: "x".repeat(1_000) });`,
  output: `for (let n = 0; n < 20_000; n += 1) console.log("output " + n);`,
  signals: `process.kill(process.pid, 0); process.emit("SIGTERM");`,
};

describe("handlers that go wrong", () => {
  test("bad handlers fail alone while other tenants' runs succeed at the first attempt", async () => {
    const { headrace } = await installation({
      ...Object.fromEntries(Object.entries(BAD).map(([id, { body }]) => [id, body])),
      ...ODD,
      good: `await new Promise((resolve) => setTimeout(resolve, 300)); return event.data.n;`,
    });
    const { url } = headrace;
    await deploy(url, "good", "good", 1);
    for (const id of Object.keys(BAD)) await deploy(url, "bad", id, 2);
    for (const id of Object.keys(ODD)) await deploy(url, "odd", id, 1);
    const good = (from: number) =>
      api(
        url,
        "POST",
        "/tenants/good/events",
        Array.from({ length: 40 }, (_, n) => ({ type: "good", data: { n: from + n } })),
      );
    await good(0);
    await api(
      url,
      "POST",
      "/tenants/odd/events",
      Object.keys(ODD).map((type) => ({ type, data: {} })),
    );
    await api(
      url,
      "POST",
      "/tenants/bad/events",
      Object.keys(BAD).map((type) => ({ type, data: {} })),
    );
    let sent = 40;
    const unready: unknown[] = [];
    await until(
      "all that is bad is dead",
      async () => {
        const answer = await fetch(`${url}/readyz`);
        if (answer.status !== 200) unready.push(await answer.json());
        if (sent < 400) await good(sent);
        sent = Math.min(400, sent + 40);
        const all = await runs(url, "bad");
        return all.length === Object.keys(BAD).length && all.every(({ status }) => status === "dead");
      },
      { withinMs: 120_000, everyMs: 500 },
    );
    expect(unready).toEqual([]);
    for (const run of await runs(url, "bad")) {
      const { code, says } = BAD[run.flow_id] as (typeof BAD)[string];
      expect([run.flow_id, run.attempts.map(({ error }) => error?.code)]).toEqual([
        run.flow_id,
        [code, code],
      ]);
      for (const { error } of run.attempts) expect(error?.message).toMatch(says);
    }
    const { items: letters } = (await api(url, "GET", "/tenants/bad/dlq")) as {
      items: { flow_id: string; error_context: { stack: string | null } }[];
    };
    for (const id of ["rejection", "timer", "emitter", "exit", "abort", "loop", "microtasks"]) {
      const letter = letters.find((one) => one.flow_id === id);
      expect(letter?.error_context.stack).toMatch(new RegExp(`/${id}\\.mjs:\\d+`));
    }
    const ended = async (tenant: string) =>
      (await runs(url, tenant)).filter((run) => run.status !== "succeeded");
    await until("the odd ones succeeded", async () => (await ended("odd")).length === 0);
    await until("the neighbour's succeeded", async () => (await ended("good")).length === 0);
    for (const run of [...(await runs(url, "good")), ...(await runs(url, "odd"))]) {
      expect([run.flow_id, run.attempts.length]).toEqual([run.flow_id, 1]);
    }
    expect((await runs(url, "good")).length).toBe(sent);
    expect(headrace.ended).toBe(false);
  }, 240_000);
});

describe("the process of a handler", () => {
  test("a flow host gets only the named variables, no descriptors and no secrets in its arguments", async () => {
    const { headrace } = await installation(
      {
        look: `const { readdirSync, readlinkSync } = await import("node:fs");
          const fds = readdirSync("/proc/self/fd").flatMap((fd) => {
            try { return [fd + " " + readlinkSync("/proc/self/fd/" + fd)]; } catch { return []; }
          });
          log.info("seen", { env: process.env, fds });`,
      },
      { HEADRACE_FLOW_ENV: "SHOP_TOKEN, NOT_SET", SHOP_TOKEN: "t-1", OTHER: "o-1" },
    );
    await deploy(headrace.url, "acme", "look", 1);
    await api(headrace.url, "POST", "/tenants/acme/events", { type: "look", data: {} });
    await until("it succeeded", async () => (await runs(headrace.url, "acme"))[0]?.status === "succeeded");
    const [run] = await runs(headrace.url, "acme");
    const { items } = (await api(headrace.url, "GET", `/tenants/acme/runs/${run?.id}/log`)) as {
      items: { fields: { env: unknown } }[];
    };
    expect(items[0]?.fields.env).toEqual({ SHOP_TOKEN: "t-1" });
    const hosts = hostsOf(headrace);
    expect(hosts.length).toBeGreaterThan(0);
    for (const { pid, commandLine } of hosts) {
      expect(readFileSync(`/proc/${pid}/environ`, "utf8")).toBe("SHOP_TOKEN=t-1\0");
      expect(commandLine).not.toContain(ADMIN_KEY);
      expect(commandLine).not.toMatch(/postgres|redis/);
      // The host has none of the server's sockets to stores and clients.
      const serverFds = linksOf(headrace.pid);
      const shared = [...linksOf(pid)].filter((link) => link.startsWith("socket:") && serverFds.has(link));
      expect(shared).toEqual([]);
    }
  }, 90_000);

  test("a flow host ends when its server is killed, also when it is stuck", async () => {
    const calls: string[] = [];
    const target = await serve((request, response) => {
      calls.push(String(request.url));
      response.end();
    });
    const { headrace, startAnother } = await installation(
      {
        twice: `const first = attempt === 1 && (await fetch("${target.url}/begin")).headers.get("first");
        if (event.data.loops && ${"process.env.LOOPS"} === "1") for (;;);
        await step("once", () => fetch("${target.url}/step").then(() => 1));
        await fetch("${target.url}/end");`,
      },
      { HEADRACE_FLOW_ENV: "LOOPS", LOOPS: "1" },
    );
    await deploy(headrace.url, "acme", "twice", 3);
    await api(headrace.url, "POST", "/tenants/acme/events", { type: "twice", data: { loops: true } });
    await until("the handler has begun", () => calls.includes("/begin"));
    const hosts = hostsOf(headrace);
    expect(hosts.length).toBeGreaterThan(0);
    await headrace.end("SIGKILL");
    const left = () =>
      listProcesses().filter(
        ({ pid, commandLine }) => commandLine !== "" && hosts.some((host) => host.pid === pid),
      );
    await until("no host is left", () => left().length === 0, { withinMs: 10_000 });
    const next = await startAnother();
    expect(next.ended).toBe(false);
  }, 90_000);

  test("the runs of a killed flow host are repeated without spending their attempts", async () => {
    const calls = new Map<string, number>();
    const target = await serve((request, response) => {
      const path = String(request.url);
      calls.set(path, (calls.get(path) ?? 0) + 1);
      setTimeout(() => response.end(), path.startsWith("/slow") ? 1_500 : 0);
    });
    const { headrace } = await installation(
      {
        work: `await step("a", () => fetch("${target.url}/step/" + event.data.n).then(() => 1));
        await fetch("${target.url}/slow/" + event.data.n);`,
      },
      { HEADRACE_FLOW_HOSTS: "1" },
    );
    await deploy(headrace.url, "acme", "work", 1);
    const events = Array.from({ length: 6 }, (_, n) => ({ type: "work", data: { n } }));
    await api(headrace.url, "POST", "/tenants/acme/events", events);
    const slow = () => [...calls.keys()].filter((path) => path.startsWith("/slow")).length;
    await until("all are under way", () => slow() === 6);
    for (const { pid } of hostsOf(headrace)) process.kill(pid, "SIGKILL");
    await until(
      "all succeeded",
      async () => (await runs(headrace.url, "acme")).every(({ status }) => status === "succeeded"),
      { withinMs: 60_000 },
    );
    for (const run of await runs(headrace.url, "acme")) expect(run.attempts.length).toBe(1);
    // A finished step is not repeated.
    for (const [path, count] of calls)
      expect([path, count]).toEqual([path, path.startsWith("/step") ? 1 : 2]);
  }, 120_000);
});

function linksOf(pid: number): Set<string> {
  const folder = `/proc/${pid}/fd`;
  return new Set(
    readdirSync(folder).flatMap((fd) => {
      try {
        return [readlinkSync(`${folder}/${fd}`)];
      } catch {
        return [];
      }
    }),
  );
}
