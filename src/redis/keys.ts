import type { Priority } from "../domain/priority.ts";

/**
 * The names of all keys that Headrace has in Redis. They contain the id of the installation. Keys that one command uses
 * together share a hash tag, so that they are in one slot of a Redis Cluster. Names contain ids, never payloads, secrets
 * or personal data.
 */
export interface RedisKeys {
  /** The stream of event ids that wait for the router, one per lane. */
  stream(lane: Priority): string;
  /** Present while the streams were not lost since the outbox leases were taken; see `redis/sentinel.ts`. */
  sentinel: string;
  /** Written to check that Redis takes writes. Never read. */
  probe: string;
  /** The id of the event of a delivery. `digest` is a hash of the delivery key. */
  seen(digest: string): string;
  /** The token bucket of a tenant's quota. */
  quota(tenantId: string): string;
  /** The tenants with polled sources, by when one of them may be due. The prefix of the keys of each tenant. */
  polls(shard: number): string;
  /** Present while a shard of the schedule was not lost since it was built. */
  pollSentinel(shard: number): string;
  /** Observations of pollers about one rate limit of a provider. `digest` is a hash of its scope. */
  pollLimit(digest: string): string;
  /** The token bucket of a configured rate limit. */
  pollBucket(digest: string): string;
  /** The token bucket of the requests of all polls. */
  pollBudget: string;
  /** The keys of a polled source, all in one slot. */
  source(tenantId: string, source: string): SourceKeys;
  /** The runs under way of a tenant or one of its targets (`digest` is a hash of both), by process. */
  share(digest: string): string;
  /** The prefix of the BullMQ keys of one lane. */
  jobs(lane: Priority): string;
}

/** The keys of one polled source. */
export interface SourceKeys {
  /** The generation of the digests, and the codes of their shards. */
  digests: string;
  /** A shard of the digests, by its code. */
  shard(code: number): string;
  /** The remembered pages. */
  pages: string;
}

/** Returns the key names of an installation. */
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

/** The name of the BullMQ queue of every lane; its prefix has the lane. */
export const JOB_QUEUE = "runs";

/** The one consumer group of the streams. */
export const ROUTER_GROUP = "router";
