import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";

export type RedisClient = Redis | Cluster;

/**
 * request: a command is answered, or fails, within `commandTimeoutMs`; it is never queued while Redis is away and
 * never sent twice, since the second answer would not be the first one's.
 * blocking: waits in XREADGROUP; on a connection of its own.
 * jobs: as BullMQ demands it.
 */
export type RedisUse = "request" | "blocking" | "jobs";

export interface RedisSettings {
  /** `redis://`, `rediss://`, or a comma-separated list of the nodes of a cluster. */
  url: string;
  connectTimeoutMs: number;
  commandTimeoutMs: number;
  onError: (error: Error) => void;
}

export function connectRedis(settings: RedisSettings, use: RedisUse): RedisClient {
  const options = redisOptions(settings, use);
  const nodes = settings.url.split(",").map((node) => node.trim());
  const client: RedisClient =
    nodes.length === 1
      ? new Redis(nodes[0] as string, options)
      : new Cluster(nodes, clusterOptions(nodes, options, use));
  // With no listener, a refused connection would end the process.
  client.on("error", settings.onError);
  return client;
}

function redisOptions(settings: RedisSettings, use: RedisUse): RedisOptions & { replyMapping?: "legacy" } {
  return {
    connectTimeout: settings.connectTimeoutMs,
    keepAlive: 10_000,
    retryStrategy: (tries) => Math.min(50 * 2 ** Math.min(tries, 6), 2_000),
    // After a failover the old master answers as a replica: go and find the new one.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
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

function clusterOptions(
  nodes: string[],
  options: ReturnType<typeof redisOptions>,
  use: RedisUse,
): ClusterOptions & { redisOptions: { replyMapping?: "legacy" } } {
  const first = new URL(nodes[0] as string);
  return {
    redisOptions: {
      ...options,
      ...(first.username === "" ? {} : { username: decodeURIComponent(first.username) }),
      ...(first.password === "" ? {} : { password: decodeURIComponent(first.password) }),
      ...(first.protocol === "rediss:" ? { tls: {} } : {}),
    },
    enableOfflineQueue: use !== "request",
    enableAutoPipelining: use === "request",
  };
}

/** Resolves when the client can take commands, at the latest after `timeoutMs`: Redis may be away for longer. */
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
