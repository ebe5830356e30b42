import { randomBytes } from "node:crypto";
import { HeadraceError } from "../domain/errors.ts";
import type { Queryable } from "../postgres/core/database.ts";
import { connectRedis, type RedisClient } from "../redis/client.ts";
import { permanentRedisFault } from "../redis/connection-faults.ts";
import { parseRedisUrl } from "../redis/redis-url.ts";
import { probeRedisRights } from "../redis/rights-probe.ts";
import { evictionFault, readServerStates, replicaFault, type ServerState } from "../redis/server-state.ts";
import type { Logger } from "../runtime/logger.ts";
import { tryPostgres } from "./prepare-postgres.ts";

/** How long a start waits for external stores, ms. */
export const STORE_WAIT_MS = 60_000;

/**
 * Waits until both stores answer, and refuses what waiting cannot mend: a password that is wrong, a database that is
 * not there, rights that are missing, a Redis that may lose what it was given (it evicts, or is older than 7.0).
 * Throws `store_unavailable` after `STORE_WAIT_MS`, naming the store that is away. Answers the URLs of PostgreSQL with
 * the `sslmode` that was settled, and whether the one Redis of the URL is a node of a cluster.
 */
export async function waitForStores(
  stores: { databaseUrl: string; ownerUrl: string; redisUrl: string },
  log: Logger,
  signal: AbortSignal,
): Promise<{ databaseUrl: string; ownerUrl: string; isRedisClusterNode: boolean }> {
  const { databaseUrl, ownerUrl, redisUrl } = stores;
  const [settled, settledOwner, isRedisClusterNode] = await Promise.all([
    waitFor("PostgreSQL", () => tryPostgres(databaseUrl, "DATABASE_URL"), log, signal),
    ownerUrl === databaseUrl
      ? undefined
      : waitFor(
          "PostgreSQL of HEADRACE_MIGRATION_DATABASE_URL",
          () => tryPostgres(ownerUrl, "HEADRACE_MIGRATION_DATABASE_URL"),
          log,
          signal,
        ),
    waitFor("Redis", () => tryRedis(redisUrl), log, signal),
  ]);
  return { databaseUrl: settled, ownerUrl: settledOwner ?? settled, isRedisClusterNode };
}

async function waitFor<Result>(
  store: string,
  attempt: () => Promise<Result>,
  log: Logger,
  signal: AbortSignal,
): Promise<Result> {
  const deadline = Date.now() + STORE_WAIT_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof HeadraceError) throw error;
      const reason =
        error instanceof Error ? error.message || (error as { code?: string }).code : String(error);
      if (signal.aborted) {
        const message = `stopped while ${store} did not answer: ${reason}`;
        throw new HeadraceError("store_unavailable", message, { cause: error });
      }
      if (Date.now() > deadline) {
        const message = `${store} did not answer within ${STORE_WAIT_MS / 1_000} s: ${reason}`;
        throw new HeadraceError("store_unavailable", message, { cause: error });
      }
      if (tries === 1) log.warn({ store, reason }, "waiting for a store");
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** Whether the one server of the URL is a node of a cluster; then the whole cluster is tried. */
async function tryRedis(url: string): Promise<boolean> {
  const isClusterNode =
    parseRedisUrl(url).kind === "server" &&
    (await withRedis(
      url,
      false,
      async (redis) => (await readServerStates(redis))[0]?.isClusterNode === true,
    ));
  await withRedis(url, isClusterNode, probeRedis);
  return isClusterNode;
}

async function withRedis<Answer>(
  url: string,
  isClusterNode: boolean,
  work: (redis: RedisClient) => Promise<Answer>,
): Promise<Answer> {
  let lastError: Error | undefined;
  let refuse: (error: Error) => void = () => {};
  const refused = new Promise<never>((_, reject) => {
    refuse = reject;
  });
  refused.catch(() => {});
  const settings = {
    url,
    isClusterNode,
    connectTimeoutMs: 3_000,
    commandTimeoutMs: 3_000,
    onError(error: Error) {
      lastError = error;
      if (permanentRedisFault(error, "REDIS_URL") !== undefined) refuse(error);
    },
  };
  const redis = connectRedis(settings, "jobs");
  const timer = setTimeout(() => refuse(lastError ?? new Error("no answer")), 3_000);
  try {
    return await Promise.race([refused, work(redis)]);
  } catch (error) {
    const permanent = permanentRedisFault(error, "REDIS_URL");
    if (permanent === undefined) throw withTlsHint(error, url);
    throw new HeadraceError("store_unsuitable", permanent, { cause: error });
  } finally {
    clearTimeout(timer);
    redis.disconnect();
  }
}

/** A Redis without TLS says nothing to a client that begins with it, as one that is frozen does. */
function withTlsHint(error: unknown, url: string): unknown {
  if (!/^rediss\b/.test(url) || !(error instanceof Error) || !/TIMEDOUT|no answer/.test(error.message))
    return error;
  return new Error(`${error.message}; use redis:// where Redis has no TLS`, { cause: error });
}

async function probeRedis(redis: RedisClient): Promise<void> {
  // Queued until the connection is there, which a cluster's list of masters is not.
  await redis.ping();
  for (const state of await readServerStates(redis)) refuseUnsuitable(state);
  await probeRedisRights(redis, randomBytes(4).toString("hex"));
}

function refuseUnsuitable(state: ServerState): void {
  if (Number.parseInt(state.version, 10) < 7) {
    throw new HeadraceError("store_unsuitable", `Redis ${state.version} is too old: 7.0 or newer is needed`);
  }
  const eviction = evictionFault(state);
  if (eviction !== undefined) throw new HeadraceError("store_unsuitable", eviction);
  // Not for good: a failover may be under way.
  const replica = replicaFault(state);
  if (replica !== undefined) throw new Error(replica);
}

/** Which installation this database is. */
export async function readInstallation(database: Queryable): Promise<string> {
  const [row] = await database.query<{ id: string }>({ text: "SELECT id FROM installation" });
  if (row === undefined)
    throw new HeadraceError("store_unsuitable", "The database has no installation: migrate it first");
  return row.id;
}
