import { beforeAll, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { createInstallation } from "../support/installation.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

test.each([
  ["throws an uncaught error", `throw new Error("a fault of the server")`],
  ["leaves a rejection unhandled", `void Promise.reject(new Error("a fault of the server"))`],
])(
  "a server that %s logs it, drains and exits with 1",
  async (_name, fault) => {
    const preload = encodeURIComponent(`process.on("SIGUSR2", () => { ${fault}; });`);
    const { start } = await createInstallation();
    const headrace = await start({ env: { NODE_OPTIONS: `--import=data:text/javascript,${preload}` } });
    const startedMs = performance.now();
    expect(await headrace.end("SIGUSR2")).toBe(1);
    expect(performance.now() - startedMs).toBeLessThan(15_000);
    await until("the last line is logged", () => headrace.output().includes('"msg":"stopped"'));
    const lines = headrace.output().split("\n");
    const fatal = lines.find((line) => line.includes('"level":"fatal"'));
    expect(fatal).toMatch(/a fault of the server.*the process drains and ends/);
  },
  60_000,
);
