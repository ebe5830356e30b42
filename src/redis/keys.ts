import type { Priority } from "../domain/priority.ts";

/**
 * The name of every key that Headrace has in Redis. All carry the installation's id; keys that one command touches
 * together share a hash tag, so that they lie in one slot of a Redis Cluster. They hold ids, never a payload, a
 * secret or personal data.
 */
export interface RedisKeys {
  /** Stream of event ids that wait for the router, one a lane. */
  stream(lane: Priority): string;
  /** Says that the streams were not lost since the leases were given; see `redis/sentinel.ts`. */
  sentinel: string;
  /** The id of the event that a delivery became; `digest` is a hash of the delivery's key. */
  seen(digest: string): string;
  /** The token bucket of a tenant's rate. */
  quota(tenantId: string): string;
  /** How many runs are under way for a tenant, or for one of its targets (`digest` is a hash of both), by process. */
  share(digest: string): string;
  /** Prefix of BullMQ's keys for one lane's queue. */
  jobs(lane: Priority): string;
}

export function redisKeys(installation: string): RedisKeys {
  return {
    stream: (lane) => `headrace:{${installation}:events}:p${lane}`,
    sentinel: `headrace:{${installation}:events}:sentinel`,
    seen: (digest) => `headrace:{${installation}:seen}:${digest}`,
    quota: (tenantId) => `headrace:{${installation}:quota:${tenantId}}`,
    share: (digest) => `headrace:{${installation}:share:${digest}}`,
    jobs: (lane) => `headrace:{${installation}:jobs:p${lane}}`,
  };
}

/** The name of each lane's BullMQ queue; the lane is in its prefix. */
export const JOB_QUEUE = "runs";

/** The one consumer group of the streams. */
export const ROUTER_GROUP = "router";
