import { createServer } from "node:net";
import { Redis } from "ioredis";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { freePorts } from "../support/ports.ts";
import { startHeadrace } from "../support/process.ts";
import { privateStores } from "../support/stores.ts";
import { until } from "../support/until.ts";

beforeAll(async () => {
  await builtProgram();
}, 120_000);

test("loops start only once the server listens, and a start logs nothing that is a warning or worse", {
  timeout: 180_000,
}, async () => {
  const { databaseUrl, redisUrl } = await privateStores();
  const redis = new Redis(redisUrl);
  onTestFinished(() => redis.disconnect());
  /** Redis counts what it was asked; these are asked by a start that looks whether it suits, and by this test. */
  const own = ["hello", "auth", "info", "ping", "select", "client", "config"];
  const commandsOfLoops = async () =>
    [...(await redis.info("commandstats")).matchAll(/^cmdstat_(\w+)/gm)]
      .map(([, name]) => name as string)
      .filter((name) => !own.includes(name));

  const [port = 0] = await freePorts(1);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
  const refused = startHeadrace({ databaseUrl, redisUrl, port });
  await until("the process has ended", () => refused.ended, { withinMs: 60_000 });
  expect(refused.output()).toContain("EADDRINUSE");
  expect(await commandsOfLoops()).toEqual([]);

  await new Promise((resolve) => other.close(resolve));
  const headrace = startHeadrace({ databaseUrl, redisUrl, port });
  onTestFinished(async () => {
    await headrace.end("SIGKILL");
  });
  await headrace.ready();
  await until("the loops run", async () => (await commandsOfLoops()).includes("xinfo"));
  expect(await headrace.end("SIGTERM")).toBe(0);
  const levels = [...headrace.output().matchAll(/"level":"(\w+)"/g)].map(([, level]) => level);
  expect(levels.length).toBeGreaterThan(2);
  expect(levels.filter((level) => level !== "info")).toEqual([]);
});
