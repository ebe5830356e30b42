import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../src/runtime/logger.ts";
import { waitForStores } from "../../src/wiring/stores.ts";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { createInstallation } from "../support/installation.ts";
import { api } from "../support/process.ts";
import { startSink } from "../support/sink.ts";
import { sharedStores, testRedisUrl } from "../support/stores.ts";
import { QUICK_RETRY, setUpTenant, shopFlow } from "../support/tenant.ts";
import { until } from "../support/until.ts";

/** Creates a user of the shared Redis with these rights, and returns its URL. */
async function redisUser(...rights: string[]): Promise<URL> {
  const redis = new Redis(testRedisUrl());
  const name = `user-${randomBytes(4).toString("hex")}`;
  await redis.call("ACL", "SETUSER", name, "on", ">s3cret", ...rights);
  onTestFinished(async () => {
    await redis.call("ACL", "DELUSER", name);
    redis.disconnect();
  });
  const url = new URL(testRedisUrl());
  url.username = name;
  url.password = "s3cret";
  return url;
}

/** The error of a refused start: one line without the password, long before the wait for stores ends. */
async function refusal(url: URL): Promise<string> {
  const { databaseUrl } = sharedStores();
  const stores = { databaseUrl, ownerUrl: databaseUrl, redisUrl: url.href };
  const error = await waitForStores(stores, createLogger("fatal"), AbortSignal.timeout(10_000)).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error?.code).toBe("store_unsuitable");
  expect(error.message).not.toMatch(/\n|s3cret/);
  return error.message;
}

describe("a start on a Redis that refuses it", () => {
  test("a start that Redis refuses for good ends at once with a hint", async () => {
    const url = await redisUser("~*", "&*", "+@all");
    const wrong = new URL(url);
    wrong.password = "s3cret-no";
    expect(await refusal(wrong)).toBe(
      "REDIS_URL: Redis refuses the user or the password: correct them in the URL",
    );
    const none = new URL(url);
    none.username = "";
    none.password = "";
    expect(await refusal(none)).toContain("REDIS_URL: Redis requires a password and the URL has none");
    const database = new URL(url);
    database.pathname = "/4711";
    expect(await refusal(database)).toContain("REDIS_URL: Redis has no database with this number");
  });

  test.each([
    ["info", ["~headrace:*", "&*", "+@all", "-info"]],
    ["eval", ["~headrace:*", "&*", "+@all", "-@scripting"]],
    ["zadd", ["~headrace:*", "&*", "+@all", "-zadd"]],
    ["xreadgroup", ["~headrace:*", "&*", "+@all", "-xreadgroup"]],
    ["keys", ["~other:*", "&*", "+@all"]],
  ])("a start names the missing permission of the Redis user: %s", async (_, rights) => {
    expect(await refusal(await redisUser(...rights))).toMatch(
      /^REDIS_URL: the Redis user lacks rights that Headrace needs \(.*\): give it ~headrace:\* &\* \+@all -@admin -@dangerous \+info$/,
    );
  });
});

describe("a user of Redis with the rights that a refusal names", () => {
  beforeAll(builtProgram);

  test("the Redis permissions that the hint names suffice for every stage", async () => {
    const redis = await redisUser("~headrace:*", "&*", "+@all", "-@admin", "-@dangerous", "+info");
    const { start } = await createInstallation({ redisUrl: redis.href });
    const headrace = await start();
    const sink = await startSink((_call, number) => (number === 1 ? 503 : 200));
    const { webhookPath } = await setUpTenant(headrace.url, "acme", {
      all: { ...shopFlow(sink.url), retry: QUICK_RETRY },
    });
    const answer = await deliver(`${headrace.url}${webhookPath}`, { id: "m", type: "t", data: {} });
    expect(answer?.status).toBe(200);
    await until("the run succeeded", async () => {
      const { items } = (await api(headrace.url, "GET", "/tenants/acme/runs")) as {
        items: { status: string }[];
      };
      return items[0]?.status === "succeeded";
    });
    expect(headrace.output()).not.toContain("NOPERM");
  });
});
