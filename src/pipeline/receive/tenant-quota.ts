import type { Queryable } from "../../postgres/core/database.ts";
import { countUnrouted } from "../../postgres/events/outbox.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { takeTokens } from "../../redis/token-bucket.ts";
import type { TakeQuota } from "./receiver.ts";

/** Bounds of the tenant quota. */
export interface TenantQuotaBounds {
  /** Timeout of the rate limit in Redis, ms. A delivery is allowed if Redis takes longer. */
  timeoutMs: number;
  /** How long Redis is not queried after a timeout, ms, so that few deliveries wait for an unavailable Redis. */
  restMs: number;
  /** How long the backlog of a tenant is cached, ms. */
  backlogMs: number;
  /** Tenants with a cached backlog. */
  maxTenants: number;
}

/** Wait for a tenant with a full backlog, ms. */
const FULL_MS = 5_000;

/**
 * Creates the quota of all tenants. Returns the wait before a tenant may send, ms; 0 if it may now. Rates are counted
 * in Redis over all processes, and not at all while Redis is unavailable: the limit protects other tenants, and no
 * delivery is lost for it.
 */
export function createTenantQuota(deps: {
  database: Queryable;
  redis: RedisClient;
  keys: RedisKeys;
  bounds: TenantQuotaBounds;
  now: () => number;
}): TakeQuota {
  const { database, redis, keys, bounds, now } = deps;
  const backlogs = new Map<string, { isFull: boolean; untilMs: number }>();
  let restsUntilMs = 0;

  async function isFull(tenantId: string, maxBacklog: number): Promise<boolean> {
    const known = backlogs.get(tenantId);
    if (known !== undefined && known.untilMs > now()) return known.isFull;
    const isFull = (await countUnrouted(database, tenantId, maxBacklog)) >= maxBacklog;
    if (backlogs.size >= bounds.maxTenants) backlogs.delete(backlogs.keys().next().value as string);
    backlogs.set(tenantId, { isFull, untilMs: now() + bounds.backlogMs });
    return isFull;
  }

  return async (tenantId, { eventsPerSecond, maxBacklog }, events) => {
    if (maxBacklog !== undefined && (await isFull(tenantId, maxBacklog))) return FULL_MS;
    if (eventsPerSecond === undefined || now() < restsUntilMs) return 0;
    const taking = takeTokens(redis, keys.quota(tenantId), { perSecond: eventsPerSecond, tokens: events });
    const waitMs = await within(bounds.timeoutMs, taking);
    if (waitMs === undefined) restsUntilMs = now() + bounds.restMs;
    return waitMs ?? 0;
  };
}

/** Resolves with undefined if the work fails or takes longer. */
function within<Value>(ms: number, work: Promise<Value>): Promise<Value | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms, undefined);
    const settle = (value: Value | undefined) => {
      clearTimeout(timer);
      resolve(value);
    };
    work.then(settle, () => settle(undefined));
  });
}
