import { Cluster, type Redis } from "ioredis";
import type { RedisClient } from "./client.ts";
import { explainRedisError, REPLICA } from "./explain-error.ts";

/** The state of a Redis server, from its INFO. */
export interface ServerState {
  version: string;
  isClusterNode: boolean;
  isReplica: boolean;
  evictionPolicy: string;
  /** Memory that counts towards `maxmemory`, and `maxmemory`; 0 for no bound. */
  usedBytes: number;
  maxBytes: number;
}

/** Reads the state of the server, or of each master of the cluster. */
export async function readServerStates(redis: RedisClient): Promise<ServerState[]> {
  return await Promise.all(
    writableServers(redis).map(async (server) => parseServerInfo(await server.info())),
  );
}

function writableServers(redis: RedisClient): Redis[] {
  return redis instanceof Cluster ? redis.nodes("master") : [redis];
}

/** Parses the reply of INFO. */
export function parseServerInfo(info: string): ServerState {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "";
  return {
    version: field("redis_version"),
    isClusterNode: field("cluster_enabled") === "1",
    isReplica: field("role") === "slave",
    evictionPolicy: field("maxmemory_policy"),
    usedBytes: Number(field("used_memory")) - Number(field("mem_not_counted_for_evict")),
    maxBytes: Number(field("maxmemory")),
  };
}

/** Returns the fault of a server that evicts keys, or undefined. */
export function evictionFault({ evictionPolicy }: ServerState): string | undefined {
  // The policy is empty if the user may not read it.
  if (evictionPolicy === "noeviction" || evictionPolicy === "") return undefined;
  return `Redis evicts keys (maxmemory-policy ${evictionPolicy}): set it to noeviction`;
}

/**
 * Returns why Redis cannot do its work although it replies: it evicts, is full, is a replica, cannot save, or refuses its
 * user; undefined if it can. Checks every master and writes `probeKey`.
 */
export async function findServerFault(redis: RedisClient, probeKey: string): Promise<string | undefined> {
  const servers = writableServers(redis);
  const faults = await Promise.all([
    ...servers.map(async (server) => {
      const [info, refusal] = await Promise.all([server.info(), refusalOf(server.eval(WRITES_NOTHING, 0))]);
      const state = parseServerInfo(info);
      return evictionFault(state) ?? replicaFault(state) ?? fullFault(state) ?? refusal;
    }),
    // Fails if the slot has no master or the user may not write the key.
    refusalOf(redis.set(probeKey, "", "PX", PROBE_TTL_MS)),
  ]);
  return faults.find((fault) => fault !== undefined);
}

const PROBE_TTL_MS = 60_000;

// A script without flags is refused wherever a write would be, without a key, so it works on every node of a cluster.
const WRITES_NOTHING = "#!lua\nreturn 1";

async function refusalOf(reply: Promise<unknown>): Promise<string | undefined> {
  try {
    await reply;
    return undefined;
  } catch (error) {
    return explainRedisError(error as Error);
  }
}

function fullFault({ usedBytes, maxBytes }: ServerState): string | undefined {
  if (maxBytes === 0 || usedBytes < maxBytes) return undefined;
  return `Redis is full (${usedBytes} of maxmemory ${maxBytes} bytes) and refuses writes: raise maxmemory, or remove other data from it`;
}

/** Returns the fault of a replica; undefined for a master. */
export function replicaFault({ isReplica }: ServerState): string | undefined {
  return isReplica ? REPLICA : undefined;
}
