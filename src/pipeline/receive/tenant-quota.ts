import type { Queryable } from "../../postgres/core/database.ts";
import { countUnrouted } from "../../postgres/events/outbox.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { takeTokens } from "../../redis/token-bucket.ts";
import type { TakeQuota } from "./receiver.ts";

export interface TenantQuotaBounds {
  /** A Redis that answers later does not limit, ms. */
  timeoutMs: number;
  /** For how long it is then not asked, ms: not every delivery waits for a Redis that is away. */
  restMs: number;
  /** For how long a tenant's backlog counts as it was found, ms. */
  backlogMs: number;
  /** Tenants whose backlog is remembered. */
  maxTenants: number;
}

/** How long a tenant waits whose backlog is full, ms. */
const FULL_MS = 5_000;

/**
 * Answers how long a tenant has to wait before it may send events, ms; 0 when it may now. A rate is counted in Redis
 * over all processes, and not at all while Redis is away: it protects the others, and no delivery is lost for it.
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

/** Undefined where it fails, or takes longer. */
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
