import { errorMessage } from "../runtime/error-message.ts";

/** Explains an error of Redis or its connection, with the remedy. Returns the message of any other error as it is. */
export function explainRedisError(error: Error): string {
  const { lastNodeError } = error as { lastNodeError?: Error };
  if (lastNodeError instanceof Error) return explainRedisError(lastNodeError);
  const { message } = error;
  switch (/^[A-Z]+(?= )/.exec(message)?.[0]) {
    case "OOM":
      return "Redis is full and refuses writes: raise maxmemory, or remove other data from it";
    case "MISCONF":
      return "Redis refuses writes because it cannot save to its disk (MISCONF): free its disk, and see its log";
    case "READONLY":
      return REPLICA;
    case "NOREPLICAS":
      return "Redis refuses writes because too few of its replicas are in reach (min-replicas-to-write)";
    case "CLUSTERDOWN":
      return "the Redis cluster is down: a slot has no master";
    case "NOPERM":
      return `Redis refuses its user (${message}): give it the rule in docs/operating/redis.md`;
    case "WRONGPASS":
    case "NOAUTH":
      return `Redis refuses the user or password of REDIS_URL (${message})`;
  }
  if (/No such master with that name$|got an invalid reply: null$/.test(message))
    return "the Sentinel knows no master with the name at the end of REDIS_URL";
  return errorMessage(error);
}

/** The fault of a server that is a replica. */
export const REPLICA =
  "Redis is a read-only replica: REDIS_URL must lead to its master, through Sentinel where the master moves";
