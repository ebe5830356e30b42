import { Cluster, type Redis } from "ioredis";
import type { RedisClient } from "./client.ts";
import { explainRedisError, REPLICA } from "./explain-error.ts";

/** The state of a Redis server, as it reports it. */
export interface ServerState {
  version: string;
  isClusterNode: boolean;
  isReplica: boolean;
  evictionPolicy: string;
  /** Memory that counts towards the bound, and the bound; 0 for none. */
  usedBytes: number;
  maxBytes: number;
}

/** The state of each server that takes writes: the one, or the masters of the cluster. */
export async function readServerStates(redis: RedisClient): Promise<ServerState[]> {
  return await Promise.all(
    writableServers(redis).map(async (server) => parseServerInfo(await server.info())),
  );
}

function writableServers(redis: RedisClient): Redis[] {
  return redis instanceof Cluster ? redis.nodes("master") : [redis];
}

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

/** Why what the server is given may vanish; undefined when it is kept. */
export function evictionFault({ evictionPolicy }: ServerState): string | undefined {
  // A user without the permission to read it has no policy.
  if (evictionPolicy === "noeviction" || evictionPolicy === "") return undefined;
  return `Redis evicts keys (maxmemory-policy ${evictionPolicy}): set it to noeviction`;
}

/**
 * Why Redis cannot do its work now, though it answers: it evicts, is full, is a replica, cannot save, or refuses its
 * user. Undefined when it can. Asks every server that takes writes, and writes `probeKey`.
 */
export async function findServerFault(redis: RedisClient, probeKey: string): Promise<string | undefined> {
  const servers = writableServers(redis);
  const faults = await Promise.all([
    ...servers.map(async (server) => {
      const [info, refusal] = await Promise.all([server.info(), refusalOf(server.eval(WRITES_NOTHING, 0))]);
      const state = parseServerInfo(info);
      return evictionFault(state) ?? replicaFault(state) ?? fullFault(state) ?? refusal;
    }),
    // Its slot may be missing, and its name forbidden.
    refusalOf(redis.set(probeKey, "", "PX", PROBE_TTL_MS)),
  ]);
  return faults.find((fault) => fault !== undefined);
}

const PROBE_TTL_MS = 60_000;

// A script that says nothing of its intent is refused wherever a write would be, also by a node of a cluster that has
// no key at hand.
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
  return `Redis is full (${usedBytes} of maxmemory ${maxBytes} bytes) and refuses writes: raise maxmemory, or remove what else fills it`;
}

/** Why the server takes no writes; undefined for a master. */
export function replicaFault({ isReplica }: ServerState): string | undefined {
  return isReplica ? REPLICA : undefined;
}
