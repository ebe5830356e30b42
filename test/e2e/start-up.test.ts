import { createServer } from "node:net";
import { Redis } from "ioredis";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { createInstallation } from "../support/installation.ts";
import { freePorts } from "../support/ports.ts";
import { privateStores } from "../support/stores.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

test("loops start only once the server listens, and a start logs no warnings", {
  timeout: 180_000,
}, async () => {
  const { launch, start, redisUrl } = await createInstallation(await privateStores());
  const redis = new Redis(redisUrl);
  onTestFinished(() => redis.disconnect());
  /** The commands that Redis has received since the last reset, except those of opening a connection. */
  const commandCounts = async () => {
    const lines = [...(await redis.info("commandstats")).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)];
    return Object.fromEntries(
      lines
        .map(([, name, calls]) => [name, calls])
        .filter(([name]) => !/^(hello|auth|select|client|info|config)/.test(name ?? "")),
    );
  };

  const [port = 0] = await freePorts(1);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
  /** A start that cannot listen. Its Redis commands show how far it got. */
  const askedByRefusedStart = async (roles: string) => {
    await redis.config("RESETSTAT");
    const refused = launch({ port, roles });
    await until("the process has ended", () => refused.ended, { withinMs: 90_000 });
    expect(refused.output()).toContain(`Cannot listen at 127.0.0.1, port ${port}`);
    expect(refused.output()).not.toMatch(/^ +at /m);
    return await commandCounts();
  };
  const asked = await askedByRefusedStart("api");
  expect(await askedByRefusedStart("api,receive,relay,route,execute,poll,schedule,maintain")).toEqual(asked);

  await new Promise((resolve) => other.close(resolve));
  const headrace = await start({ port });
  await until(
    "the loops run",
    async () => Object.keys(await commandCounts()).length > Object.keys(asked).length,
  );
  expect(await headrace.end("SIGTERM")).toBe(0);
  const levels = [...headrace.output().matchAll(/"level":"(\w+)"/g)].map(([, level]) => level);
  expect(levels.length).toBeGreaterThan(2);
  expect(levels.filter((level) => level !== "info")).toEqual([]);
});
