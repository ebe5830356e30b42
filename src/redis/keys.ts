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
  /** Written to learn whether Redis takes writes; nobody reads it. */
  probe: string;
  /** The id of the event that a delivery became; `digest` is a hash of the delivery's key. */
  seen(digest: string): string;
  /** The token bucket of a tenant's rate. */
  quota(tenantId: string): string;
  /** Tenants with polled sources, by when one of them may be due; its own keys of each tenant begin with it. */
  polls(shard: number): string;
  /** Says that a shard of the schedule was not lost since it was built. */
  pollSentinel(shard: number): string;
  /** What pollers have learned of one limit of a provider; `digest` is a hash of whose it is. */
  pollLimit(digest: string): string;
  /** The token bucket of a limit that is configured. */
  pollBucket(digest: string): string;
  /** The token bucket of all polls' requests. */
  pollBudget: string;
  /** What is kept of a polled source's records, all in one slot. */
  source(tenantId: string, source: string): SourceKeys;
  /** How many runs are under way for a tenant, or for one of its targets (`digest` is a hash of both), by process. */
  share(digest: string): string;
  /** Prefix of BullMQ's keys for one lane's queue. */
  jobs(lane: Priority): string;
}

export interface SourceKeys {
  /** Which generation the digests are of, and which shards there are. */
  digests: string;
  /** One shard of the digests, by its code. */
  shard(code: number): string;
  /** What is known of its pages. */
  pages: string;
}

export function redisKeys(installation: string): RedisKeys {
  return {
    stream: (lane) => `headrace:{${installation}:events}:p${lane}`,
    sentinel: `headrace:{${installation}:events}:sentinel`,
    probe: `headrace:{${installation}:probe}`,
    seen: (digest) => `headrace:{${installation}:seen}:${digest}`,
    quota: (tenantId) => `headrace:{${installation}:quota:${tenantId}}`,
    polls: (shard) => `headrace:{${installation}:polls:${shard}}`,
    pollSentinel: (shard) => `headrace:{${installation}:polls:${shard}}:sentinel`,
    pollLimit: (digest) => `headrace:{${installation}:poll-limits}:learned:${digest}`,
    pollBucket: (digest) => `headrace:{${installation}:poll-limits}:bucket:${digest}`,
    pollBudget: `headrace:{${installation}:poll-limits}:budget`,
    source(tenantId, source) {
      const tag = `headrace:{${installation}:source:${tenantId}:${source}}`;
      return { digests: `${tag}:digests`, shard: (code) => `${tag}:shard:${code}`, pages: `${tag}:pages` };
    },
    share: (digest) => `headrace:{${installation}:share:${digest}}`,
    jobs: (lane) => `headrace:{${installation}:jobs:p${lane}}`,
  };
}

/** The name of each lane's BullMQ queue; the lane is in its prefix. */
export const JOB_QUEUE = "runs";

/** The one consumer group of the streams. */
export const ROUTER_GROUP = "router";
