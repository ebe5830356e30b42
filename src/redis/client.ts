import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";
import { explainRedisError } from "./explain-error.ts";
import { parseRedisUrl, type RedisAddress } from "./redis-url.ts";

export type RedisClient = Redis | Cluster;

/**
 * The use of a connection.
 * request: a command succeeds or fails within `commandTimeoutMs`. It is never queued while Redis is away and never sent
 * twice, since the second reply could differ from the first.
 * blocking: waits in XREADGROUP, on a connection of its own.
 * jobs: configured as BullMQ requires.
 */
export type RedisUse = "request" | "blocking" | "jobs";

/** Settings of one connection. */
export interface RedisSettings {
  /** In a form that `parseRedisUrl` reads. */
  url: string;
  /** Whether the single server in the URL is a node of a cluster. */
  isClusterNode?: boolean;
  connectTimeoutMs: number;
  commandTimeoutMs: number;
  onError: (error: Error) => void;
}

/** Sentinels that each connection subscribes to for failovers. */
const MAX_WATCHED_SENTINELS = 3;

/** The wait before reconnecting to a Sentinel that was away, ms. */
const SENTINEL_RETRY_MS = 5_000;

/** Opens a connection that reconnects whenever it is lost. Throws `invalid_setting` for a malformed URL. */
export function connectRedis(settings: RedisSettings, use: RedisUse): RedisClient {
  const address = parseRedisUrl(settings.url);
  const onReadOnly = (error: Error) => lastErrors.set(client, error);
  const client: RedisClient =
    address.kind === "cluster" || settings.isClusterNode === true
      ? new Cluster([...address.hosts], clusterOptions(address, settings, use, onReadOnly))
      : new Redis({
          ...redisOptions(address, settings, use, onReadOnly),
          ...targetOptions(address, settings),
        });
  const onError = (error: Error) => {
    lastErrors.set(client, error);
    settings.onError(error);
  };
  client.on("ready", () => lastErrors.delete(client));
  // Without a listener, a refused connection would end the process.
  client.on("error", onError);
  client.on("sentinelError", onError);
  return client;
}

const lastErrors = new WeakMap<RedisClient, Error>();

/** Explains why the client has no connection; undefined while it has one. */
export function connectionFault(client: RedisClient): string | undefined {
  if (client.status === "ready") return undefined;
  const error = lastErrors.get(client);
  return error === undefined ? "no connection yet" : explainRedisError(error);
}

type Options = RedisOptions & { replyMapping?: "legacy" };

function redisOptions(
  address: RedisAddress,
  settings: RedisSettings,
  use: RedisUse,
  onReadOnly: (error: Error) => void,
): Options {
  const { username, password, tls, family } = address;
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
    ...(family === undefined ? {} : { family }),
    connectTimeout: settings.connectTimeoutMs,
    keepAlive: 10_000,
    retryStrategy: (tries) => Math.min(50 * 2 ** Math.min(tries, 6), 2_000),
    // After a failover the old master is a replica: reconnect to find the new master.
    reconnectOnError(error) {
      const isReadOnly = error.message.startsWith("READONLY");
      if (isReadOnly) onReadOnly(error);
      return isReadOnly;
    },
    ...(use === "request"
      ? {
          enableOfflineQueue: false,
          autoResendUnfulfilledCommands: false,
          maxRetriesPerRequest: 0,
          commandTimeout: settings.commandTimeoutMs,
          enableAutoPipelining: true,
        }
      : { maxRetriesPerRequest: null }),
  };
}

/** Options for one server, or for the master that the Sentinels know. */
function targetOptions(address: RedisAddress, settings: RedisSettings): Options {
  const { hosts, db, masterName, sentinelUsername, sentinelPassword, tls } = address;
  if (masterName === undefined) return { ...hosts[0], db };
  return {
    db,
    name: masterName,
    sentinels: [...hosts],
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    sentinelRetryStrategy: (tries) => Math.min(100 * tries, 2_000),
    // A Sentinel that hangs is skipped.
    sentinelCommandTimeout: settings.connectTimeoutMs,
    // A master that hangs does not close its connections: the Sentinels report when it was replaced.
    failoverDetector: true,
    sentinelMaxConnections: MAX_WATCHED_SENTINELS,
    sentinelReconnectStrategy: () => SENTINEL_RETRY_MS,
  };
}

function clusterOptions(
  address: RedisAddress,
  settings: RedisSettings,
  use: RedisUse,
  onReadOnly: (error: Error) => void,
): ClusterOptions & { redisOptions: { replyMapping?: "legacy" } } {
  return {
    redisOptions: redisOptions(address, settings, use, onReadOnly),
    // Connects to nodes by the host names that they announce, which their certificates contain.
    dnsLookup: (host, callback) => callback(null, host),
    enableOfflineQueue: use !== "request",
    enableAutoPipelining: use === "request",
  };
}

/** Resolves when the client can take commands, or after `timeoutMs` if Redis stays away. */
export function whenReady(client: RedisClient, timeoutMs: number): Promise<void> {
  if (client.status === "ready") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    client.once("ready", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
