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
  attempts: { error: { code: string; message: string } | null }[];
}

async function deploy(url: string, flow: string, retry = {}): Promise<void> {
  await api(url, "PUT", "/tenants/acme", {});
  await putAndDeploy(url, "acme", flow, {
    trigger: {},
    action: { type: "code", handler: flow },
    retry: { backoff: "fixed", delay_ms: 10, ...retry },
  });
}

async function runs(url: string): Promise<ShownRun[]> {
  return ((await api(url, "GET", "/tenants/acme/runs")) as { items: ShownRun[] }).items;
}

const send = (url: string, data: unknown) =>
  api(url, "POST", "/tenants/acme/events", { type: "order.paid", data });

describe("a code flow", () => {
  test("a code flow does not repeat a finished step when its worker is killed", async () => {
    const calls: { path: string; key: string }[] = [];
    const target = await serve(async (request, response) => {
      calls.push({ path: String(request.url), key: String(request.headers["idempotency-key"]) });
      // The first call of the second step is never answered.
      if (request.url === "/ship" && calls.filter((call) => call.path === "/ship").length === 1) return;
      response.end(JSON.stringify({ id: calls.length }));
    });
    const { folder } = flowsFolder({
      "order.ts": `
        import { defineFlow, type HandlerContext } from "headrace";
        import { post } from "./shared/post.ts";
        interface Made { id: number }
        export default defineFlow({ id: "order" }, async ({ step, log, attempt }: HandlerContext) => {
          log.info("attempt begins", { attempt_of_run: attempt, token: "sk_live_1" });
          const charged: Made = await step("charge", ({ idempotencyKey }) => post("${target.url}/charge", idempotencyKey));
          await step("note", () => undefined);
          await step("ship", ({ idempotencyKey }) => post("${target.url}/ship", idempotencyKey));
          await step("mail", ({ idempotencyKey }) => post("${target.url}/mail/" + charged.id, idempotencyKey));
        });`,
      "node_modules/esm-only/package.json":
        '{"name": "esm-only", "type": "module", "exports": {"import": "./main.js"}}',
      "node_modules/esm-only/main.js": "export const method = 'POST';",
      "shared/post.ts": `
        import { method } from "esm-only";
        export async function post(url: string, key: string): Promise<{ id: number }> {
          const answer = await fetch(url, { method, headers: { "idempotency-key": key } });
          return await answer.json() as { id: number };
        }`,
    });
    const { start } = await createInstallation();
    const worker = { roles: "execute", env: { HEADRACE_FLOWS_DIR: folder } };
    const [base, dying] = await Promise.all([start({ roles: "api,relay,route" }), start(worker)]);
    await deploy(base.url, "order");
    await send(base.url, {});
    await until("the second step is under way", () => calls.some((call) => call.path === "/ship"));
    const [run] = await runs(base.url);
    const log = async () =>
      (await api(base.url, "GET", `/tenants/acme/runs/${run?.id}/log`)) as { items: unknown[] };
    await until("the log is there while the run goes on", async () => (await log()).items.length === 1);
    await dying.end("SIGKILL");

    await start(worker);
    await until("the run succeeded", async () => (await runs(base.url))[0]?.status === "succeeded");
    expect(calls.map((call) => call.path)).toEqual(["/charge", "/ship", "/ship", "/mail/1"]);
    expect(calls[1]?.key).toBe(calls[2]?.key);
    expect(new Set(calls.map((call) => call.key)).size).toBe(3);
    // A line of each worker: the first was killed in the first attempt, and the second repeated it.
    const line = { level: "info", message: "attempt begins", attempt: 1 };
    const fields = { attempt_of_run: 1, token: "[redacted]" };
    expect((await log()).items).toMatchObject([
      { ...line, fields },
      { ...line, fields },
    ]);
    expect(dying.output()).not.toContain("sk_live_1");
  }, 90_000);

  test("a code flow is reloaded when its file changes, and a broken file keeps the old flow", async () => {
    const flow = (version: number, rest = "") =>
      `import { defineFlow } from "headrace";
      import { base } from "./shared/base.js";
      export default defineFlow({ id: "greet" }, (ctx) => { ctx.log.info("version " + (base + ${version})); ${rest} });`;
    const { folder, write } = flowsFolder({
      "greet.mjs": flow(1),
      "shared/base.js": "export const base = 0;",
      "_draft.ts": "this is not even TypeScript",
    });
    const { start, launch } = await createInstallation();
    const headrace = await start({ env: { HEADRACE_FLOWS_DIR: folder } });
    await deploy(headrace.url, "greet", { max_attempts: 1 });
    const outcome = async () => {
      const before = (await runs(headrace.url)).length;
      await send(headrace.url, {});
      const ended = async () => {
        const all = await runs(headrace.url);
        return all.length > before && ["succeeded", "dead"].includes(all[0]?.status as string);
      };
      await until("the run ended", ended);
      const [run] = await runs(headrace.url);
      const { items } = (await api(headrace.url, "GET", `/tenants/acme/runs/${run?.id}/log`)) as {
        items: { message: string }[];
      };
      return { said: items.map((item) => item.message), error: run?.attempts[0]?.error?.message };
    };
    const times = (text: string) => headrace.output().split(text).length - 1;

    expect(await outcome()).toEqual({ said: ["version 1"] });
    write("shared/base.js", "export const base = 10;");
    await until("what it imports was loaded", () => times("were reloaded") === 1);
    expect(await outcome()).toEqual({ said: ["version 11"] });
    write("greet.mjs", "export default defineFlow({ oops");
    await until("the log says why", () => headrace.output().includes("a flow file keeps its old flow"));
    expect(headrace.output()).toContain('greet.mjs:1:32: ERROR: Expected \\"}\\"');
    expect(await outcome()).toEqual({ said: ["version 11"] });
    write("greet.mjs", flow(2, "throw new Error('for good');"));
    await until("the mended file was loaded", () => times("were reloaded") === 2);
    expect(await outcome()).toEqual({ said: ["version 12"], error: "for good" });
    const { items } = (await api(headrace.url, "GET", "/tenants/acme/dlq")) as {
      items: { error_context: { stack: string } }[];
    };
    expect(items[0]?.error_context.stack).toContain(`${folder}/greet.mjs:3:`);

    // A process that finds a broken file at its start reports it and exits.
    write("greet.mjs", "export default 5;");
    const second = launch({ roles: "execute", env: { HEADRACE_FLOWS_DIR: folder } });
    await until("the second process gave up", () => second.ended);
    expect(second.output()).toContain(`${folder}/greet.mjs is no flow: it has no export default defineFlow`);
  }, 90_000);

  test("cancelling a running code flow aborts its signal, and it neither ends otherwise nor runs again", async () => {
    const calls: string[] = [];
    const target = await serve((request, response) => {
      calls.push(String(request.url));
      response.end();
    });
    const { folder } = flowsFolder({
      "wait.ts": `
        import { once } from "node:events";
        import { defineFlow } from "headrace";
        export default defineFlow({ id: "wait" }, async ({ signal, step, event }) => {
          const call = (path: string) => fetch("${target.url}" + path).then(() => path);
          await call("/began/" + event.data.n);
          signal.addEventListener("abort", () => console.log("told: " + signal.reason.message));
          await once(signal, "abort").catch(() => undefined);
          await step("late", () => call("/late")).catch(() => call("/stopped"));
        });`,
    });
    const { start } = await createInstallation();
    const [base, worker] = await Promise.all([
      start({ roles: "api" }),
      start({ roles: "execute", env: { HEADRACE_FLOWS_DIR: folder, LOG_LEVEL: "debug" } }),
    ]);
    await api(base.url, "PUT", "/tenants/acme", {});
    await api(base.url, "PUT", "/tenants/acme/flows/wait", {
      trigger: {},
      action: { type: "code", handler: "wait" },
    });
    // A manual run: the flow is not deployed, and no process relays or routes.
    const started = (await api(base.url, "POST", "/tenants/acme/flows/wait/run", { data: { n: 1 } })) as {
      run_id: string;
    };
    await until("the run is under way", () => calls.includes("/began/1"));
    const path = `/tenants/acme/runs/${started.run_id}`;
    expect(await api(base.url, "POST", `${path}/cancel`)).toMatchObject({ status: "cancelled" });
    await until("its signal was aborted", () => calls.includes("/stopped"));
    const replayed = (await api(base.url, "POST", `${path}/replay`)) as { run_id: string };
    await until("the replay is under way", () => calls.filter((call) => call === "/began/1").length === 2);
    expect(calls).toEqual(["/began/1", "/stopped", "/began/1"]);
    expect(await api(base.url, "GET", path)).toMatchObject({ status: "cancelled", attempts: [] });
    expect(await api(base.url, "GET", `/tenants/acme/runs/${replayed.run_id}`)).toMatchObject({
      status: "running",
      replay: 1,
    });
    expect(await worker.end("SIGTERM")).toBe(0);
    expect(worker.output()).toContain("told: The worker is stopping");
    expect(calls).not.toContain("/late");
  }, 60_000);
});
