import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { createInstallation } from "../support/installation.ts";
import { api } from "../support/process.ts";
import { type RedisServer, startRedisServer } from "../support/redis-servers.ts";
import { startSink } from "../support/sink.ts";
import { setUpTenant, shopFlow } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

const USER = "user headrace on >pa:ss ~* &* +@all";

/** A master, its replica, and three Sentinels that agree on a failover after a second. */
async function startSentinels(): Promise<{ master: RedisServer; replica: RedisServer; url: string }> {
  const master = await startRedisServer([USER]);
  const replica = await startRedisServer([
    USER,
    `replicaof 127.0.0.1 ${master.port}`,
    "repl-diskless-sync-delay 0",
  ]);
  await until("the replica follows", async () =>
    (await replica.admin.info("replication")).includes("master_link_status:up"),
  );
  const sentinels = await Promise.all(
    Array.from({ length: 3 }, () =>
      startRedisServer(
        [
          `sentinel monitor mymaster 127.0.0.1 ${master.port} 2`,
          "sentinel down-after-milliseconds mymaster 1000",
          "sentinel failover-timeout mymaster 5000",
          "user watcher on >sentinel ~* &* +@all",
        ],
        { mode: "sentinel" },
      ),
    ),
  );
  for (const { admin } of sentinels) {
    await until("the Sentinels know each other and the replica", async () => {
      const fields = (await admin.call("SENTINEL", "MASTER", "mymaster")) as string[];
      const field = (name: string) => fields[fields.indexOf(name) + 1];
      return field("num-other-sentinels") === "2" && field("num-slaves") === "1";
    });
  }
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
  const options = "db=3&sentinelUsername=watcher&sentinelPassword=sentinel";
  return { master, replica, url: `redis+sentinel://headrace:pa%3Ass@${hosts}/mymaster?${options}` };
}

test.each(["killed", "frozen"] as const)(
  "a Redis master that is %s loses no delivery, and runs continue on its successor",
  async (how) => {
    const { master, replica, url: redisUrl } = await startSentinels();
    const { start } = await createInstallation({ redisUrl });
    const headrace = await start();
    const sink = await startSink(() => 200);
    const { webhookPath } = await setUpTenant(headrace.url, "acme", {
      all: shopFlow(sink.url),
    });

    let sent = 0;
    const refused: unknown[] = [];
    async function sendUntil(isOver: () => boolean): Promise<void> {
      while (!isOver()) {
        sent += 1;
        const answer = await deliver(`${headrace.url}${webhookPath}`, {
          id: `m-${sent}`,
          type: "t",
          data: {},
        });
        if (answer?.status !== 200) refused.push(answer);
        await delay(50);
      }
    }
    let isFailedOver = false;
    const sending = sendUntil(() => isFailedOver);
    await until("runs succeed at the first master", () => sink.calls.length > 20);
    if (how === "killed") await master.kill();
    else process.kill(master.pid, "SIGSTOP");
    await until(
      "the replica is the master",
      async () => (await replica.admin.info("replication")).includes("role:master"),
      {
        withinMs: 90_000,
      },
    );
    const callsBefore = sink.calls.length;
    await until("runs succeed at the new master", () => sink.calls.length > callsBefore + 20, {
      withinMs: 90_000,
    });
    isFailedOver = true;
    await sending;
    expect(refused).toEqual([]);
    await until(
      "every delivery was handed to the target",
      () => new Set(sink.calls.map((call) => call.event.id)).size === sent,
      { withinMs: 90_000 },
    );
    await headrace.ready();
    const { items } = (await api(headrace.url, "GET", "/tenants/acme/runs?limit=1000")) as {
      items: { status: string }[];
    };
    expect(items.filter((run) => run.status !== "succeeded")).toEqual([]);
    // The database number and both users were used, and passwords stay out of the log.
    expect(await replica.admin.info("keyspace")).toMatch(/^db3:/m);
    expect(headrace.output()).not.toMatch(/pa:ss|pa%3Ass|sentinelPassword|>sentinel/);
  },
  300_000,
);
