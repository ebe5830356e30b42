import { beforeAll, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { freePorts } from "../support/ports.ts";
import { startHeadrace } from "../support/process.ts";
import { createDatabase, testRedisUrl } from "../support/stores.ts";
import { until } from "../support/until.ts";

beforeAll(async () => {
  await builtProgram();
}, 120_000);

test.each([
  ["throws where nobody catches", `throw new Error("a fault of the server")`],
  ["leaves a rejection unhandled", `void Promise.reject(new Error("a fault of the server"))`],
])(
  "a server that %s says so, drains and ends with an error",
  async (_name, fault) => {
    const { url: databaseUrl, drop } = await createDatabase();
    onTestFinished(drop);
    const [port = 0] = await freePorts(1);
    const preload = encodeURIComponent(`process.on("SIGUSR2", () => { ${fault}; });`);
    const headrace = startHeadrace({
      databaseUrl,
      redisUrl: testRedisUrl(),
      port,
      env: { NODE_OPTIONS: `--import=data:text/javascript,${preload}` },
    });
    onTestFinished(async () => {
      if (!headrace.ended) await headrace.end("SIGKILL");
    });
    await headrace.ready();
    const startedMs = performance.now();
    expect(await headrace.end("SIGUSR2")).toBe(1);
    expect(performance.now() - startedMs).toBeLessThan(15_000);
    await until("its last words are there", () => headrace.output().includes('"msg":"stopped"'));
    const lines = headrace.output().split("\n");
    const fatal = lines.find((line) => line.includes('"level":"fatal"'));
    expect(fatal).toMatch(/a fault of the server.*the process drains and ends/);
  },
  60_000,
);
