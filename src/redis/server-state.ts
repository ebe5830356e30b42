import { Cluster, type Redis } from "ioredis";
import type { RedisClient } from "./client.ts";

/** What a server of Redis says of itself. */
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
      return evictionFault(state) ?? replicaFault(state) ?? (refusal && explain(refusal, state));
    }),
    // Its slot may be missing, and its name forbidden.
    refusalOf(redis.set(probeKey, "", "PX", PROBE_TTL_MS)).then((refusal) => refusal && explain(refusal)),
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
    return error instanceof Error ? error.message : String(error);
  }
}

/** Why the server takes no writes; undefined for a master. */
export function replicaFault({ isReplica }: ServerState): string | undefined {
  return isReplica ? REPLICA : undefined;
}

const REPLICA =
  "Redis is a read-only replica: REDIS_URL must lead to its master, through Sentinel where the master moves";

/** What an error of Redis means, and what to do. */
function explain(refusal: string, state?: ServerState): string {
  const code = /^[A-Z]+/.exec(refusal)?.[0];
  switch (code) {
    case "OOM": {
      const use = state === undefined ? "" : ` (${state.usedBytes} of maxmemory ${state.maxBytes} bytes)`;
      return `Redis is full${use} and refuses writes: raise maxmemory, or remove what else fills it`;
    }
    case "MISCONF":
      return "Redis refuses writes because it cannot save to its disk (MISCONF): free its disk, and see its log";
    case "READONLY":
      return REPLICA;
    case "NOREPLICAS":
      return "Redis refuses writes because too few of its replicas are in reach (min-replicas-to-write)";
    case "CLUSTERDOWN":
      return "the Redis cluster is down: a slot has no master";
    case "NOPERM":
      return `Redis refuses its user (${refusal}): give it the rule that docs/operating names`;
    default:
      return refusal;
  }
}
