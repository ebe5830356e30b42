import { mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { startFakeApi } from "../support/fake-api.ts";
import { createInstallation } from "../support/installation.ts";
import { api, type HeadraceProcess } from "../support/process.ts";
import { type RedisServer, startCluster, startRedisServer } from "../support/redis-servers.ts";
import { startSink } from "../support/sink.ts";
import { QUICK_RETRY, setUpTenant, shopFlow } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

const PASSWORD = "s3cret-of-redis";

/** The documented rules for Headrace's user, as lines of a configuration file. */
function documentedUser(name: "redis" | "cluster"): string {
  const text = readFileSync(new URL("../../docs/operating/redis.md", import.meta.url), "utf8");
  const rules = [...text.matchAll(/^user headrace on >PASSWORD (.*)$/gm)].map((match) => match[1]);
  expect(rules).toHaveLength(2);
  return `user headrace on >${PASSWORD} ${rules[name === "redis" ? 0 : 1]}`;
}

async function startOn(redisPort: number, env: Record<string, string> = {}): Promise<HeadraceProcess> {
  const redisUrl = `redis://headrace:${PASSWORD}@127.0.0.1:${redisPort}`;
  const { start } = await createInstallation({ redisUrl });
  return await start({ env });
}

test.each(["redis", "cluster"] as const)(
  "the documented Redis user suffices for a delivery, a retry, limits and polls on a %s",
  async (kind) => {
    const user = documentedUser(kind);
    const servers = kind === "redis" ? [await startRedisServer([user])] : await startCluster(2, [user]);
    const headrace = await startOn(servers[0]?.port as number);
    const sink = await startSink((_call, number) => (number === 1 ? 503 : 200));
    const { webhookPath } = await setUpTenant(headrace.url, "acme", {
      plain: { ...shopFlow(sink.url), retry: QUICK_RETRY },
      limited: { ...shopFlow(sink.url), concurrency: 2 },
    });
    await api(headrace.url, "PUT", "/tenants/acme", { limits: { events_per_second: 1_000 } });
    const ids = Array.from({ length: 20 }, (_, n) => `msg_${n}`);
    for (const id of [...ids, "msg_0"]) {
      const answer = await deliver(`${headrace.url}${webhookPath}`, { id, type: "t", data: {} });
      expect(answer?.status).toBe(200);
    }
    await until("every run succeeded", async () => {
      const { items } = (await api(headrace.url, "GET", "/tenants/acme/runs?limit=100")) as {
        items: { status: string }[];
      };
      return items.length === 2 * ids.length && items.every((run) => run.status === "succeeded");
    });

    const provider = await startFakeApi();
    onTestFinished(() => provider.close());
    await api(headrace.url, "PUT", "/connectors/polled", { source: provider.source("page") });
    const source = "/tenants/acme/sources/orders";
    const settings = { connector: "polled", entity: "order", params: { base_url: provider.url } };
    await api(headrace.url, "PUT", source, settings);
    const poll = () => api(headrace.url, "POST", `${source}/poll?wait=true`);
    expect(await poll()).toMatchObject({ status: "ok", records: 25 });
    provider.records.update(7, { total: 70 });
    expect(await poll()).toMatchObject({ status: "ok", updated: 1 });
    await headrace.ready();
    for (const { admin } of servers) expect(await admin.call("ACL", "LOG")).toEqual([]);
    expect(headrace.output()).not.toContain("NOPERM");
  },
  120_000,
);

interface Fault {
  name: string;
  begin(redis: RedisServer): Promise<unknown>;
  end(redis: RedisServer): Promise<unknown>;
  detail: string;
}

const FAULTS: Fault[] = [
  {
    name: "evicts",
    begin: ({ admin }) => admin.config("SET", "maxmemory-policy", "allkeys-lru"),
    end: ({ admin }) => admin.config("SET", "maxmemory-policy", "noeviction"),
    detail: "Redis evicts keys (maxmemory-policy allkeys-lru): set it to noeviction",
  },
  {
    name: "is full",
    begin: ({ admin }) => admin.config("SET", "maxmemory", "1mb"),
    end: ({ admin }) => admin.config("SET", "maxmemory", "0"),
    detail: "of maxmemory 1048576 bytes) and refuses writes: raise maxmemory",
  },
  {
    name: "is a read-only replica",
    begin: ({ admin }) => admin.replicaof("127.0.0.1", 1),
    end: ({ admin }) => admin.replicaof("NO", "ONE"),
    detail: "Redis is a read-only replica",
  },
  {
    name: "cannot save to its disk",
    async begin({ admin, directory }) {
      mkdirSync(`${directory}/dump.rdb`);
      await admin.config("SET", "save", "3600 1000000");
      await save(admin, "err");
    },
    async end({ admin, directory }) {
      rmdirSync(`${directory}/dump.rdb`);
      await save(admin, "ok");
    },
    detail: "cannot save to its disk (MISCONF)",
  },
  {
    name: "refuses its user a command",
    begin: ({ admin }) => admin.call("ACL", "SETUSER", "headrace", "-set"),
    end: ({ admin }) => admin.call("ACL", "SETUSER", "headrace", "+set"),
    detail: "Redis refuses its user (NOPERM",
  },
];

async function save(admin: RedisServer["admin"], status: "ok" | "err"): Promise<void> {
  await admin.bgsave();
  await until("the save has ended", async () => {
    const info = await admin.info("persistence");
    return info.includes("rdb_bgsave_in_progress:0") && info.includes(`rdb_last_bgsave_status:${status}`);
  });
}

test("readiness names why Redis takes no writes, deliveries are accepted, and all are routed once it is repaired", async () => {
  const redis = await startRedisServer([`user headrace on >${PASSWORD} ~* &* +@all`]);
  const headrace = await startOn(redis.port, { LOG_LEVEL: "trace" });
  const sink = await startSink(() => 200);
  const { webhookPath } = await setUpTenant(headrace.url, "acme", {
    all: shopFlow(sink.url),
  });
  const redisCheck = async () => {
    const answer = await fetch(`${headrace.url}/readyz`);
    const { checks } = (await answer.json()) as { checks: Record<string, { ok: boolean; detail?: string }> };
    return { status: answer.status, detail: checks["redis"]?.detail ?? "" };
  };
  for (const [number, { name, begin, end, detail }] of FAULTS.entries()) {
    await begin(redis);
    await until(`readiness says that Redis ${name}`, async () => {
      const seen = await redisCheck();
      return seen.status === 503 && seen.detail.includes(detail);
    });
    const answer = await deliver(`${headrace.url}${webhookPath}`, { id: `m-${number}`, type: "t", data: {} });
    expect(answer?.status).toBe(200);
    await end(redis);
    await headrace.ready();
    await until(
      `what came while Redis ${name} is routed`,
      () => new Set(sink.calls.map((call) => call.event.id)).size === number + 1,
    );
  }

  // The password changes while the process runs.
  await redis.admin.call("ACL", "SETUSER", "headrace", "resetpass", ">another");
  await redis.admin.call("CLIENT", "KILL", "USER", "headrace");
  await until("readiness says that Redis knows no such user", async () =>
    (await redisCheck()).detail.includes("WRONGPASS"),
  );
  await until("the log says so too", () => headrace.output().includes("WRONGPASS"));
  await redis.admin.call("ACL", "SETUSER", "headrace", "resetpass", `>${PASSWORD}`);
  await headrace.ready();
  expect(headrace.output()).not.toContain(PASSWORD);
}, 180_000);
