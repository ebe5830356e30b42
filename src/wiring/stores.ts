import { randomBytes } from "node:crypto";
import { HeadraceError } from "../domain/errors.ts";
import type { Queryable } from "../postgres/core/database.ts";
import { connectRedis, type RedisClient } from "../redis/client.ts";
import { permanentRedisFault } from "../redis/connection-faults.ts";
import { parseRedisUrl } from "../redis/redis-url.ts";
import { probeRedisRights } from "../redis/rights-probe.ts";
import { evictionFault, readServerStates, replicaFault, type ServerState } from "../redis/server-state.ts";
import { delay } from "../runtime/delay.ts";
import { errorMessage } from "../runtime/error-message.ts";
import type { Logger } from "../runtime/logger.ts";
import { tryPostgres } from "./prepare-postgres.ts";

/** How long a start waits for external stores, ms. */
export const STORE_WAIT_MS = 60_000;

/**
 * Waits until both stores answer. Throws `store_unsuitable` at once for permanent faults: a wrong password, a missing
 * database or right, a Redis that evicts or is older than 7.0. Throws `store_unavailable` after `STORE_WAIT_MS`. Returns
 * the URLs of PostgreSQL with the `sslmode` that worked, and whether the single Redis server is a node of a cluster.
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
  connect: () => Promise<Result>,
  log: Logger,
  signal: AbortSignal,
): Promise<Result> {
  const deadline = Date.now() + STORE_WAIT_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await connect();
    } catch (error) {
      if (error instanceof HeadraceError) throw error;
      const reason = errorMessage(error);
      if (signal.aborted) {
        const message = `stopped while ${store} did not answer: ${reason}`;
        throw new HeadraceError("store_unavailable", message, { cause: error });
      }
      if (Date.now() > deadline) {
        const message = `${store} did not answer within ${STORE_WAIT_MS / 1_000} s: ${reason}`;
        throw new HeadraceError("store_unavailable", message, { cause: error });
      }
      if (tries === 1) log.warn({ store, reason }, "waiting for a store");
      await delay(500);
    }
  }
}

/** Checks Redis, or the whole cluster if the single server is a node of one. Returns whether it is. */
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

/** Adds a hint to a time-out over TLS: a Redis without TLS does not respond to a TLS client. */
function withTlsHint(error: unknown, url: string): unknown {
  if (!/^rediss\b/.test(url) || !(error instanceof Error) || !/TIMEDOUT|no answer/.test(error.message))
    return error;
  return new Error(`${error.message}; use redis:// if Redis has no TLS`, { cause: error });
}

async function probeRedis(redis: RedisClient): Promise<void> {
  // Waits for the connection. The list of masters of a cluster is empty before.
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
  // Temporary: a failover may be under way.
  const replica = replicaFault(state);
  if (replica !== undefined) throw new Error(replica);
}

/** Returns the id of the installation in this database. */
export async function readInstallation(database: Queryable): Promise<string> {
  const [row] = await database.query<{ id: string }>({ text: "SELECT id FROM installation" });
  if (row === undefined)
    throw new HeadraceError(
      "store_unsuitable",
      "The database has no installation: run headrace migrate first",
    );
  return row.id;
}
