import { LANES, type Priority } from "../../domain/priority.ts";
import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";
import { uuid7Ms } from "../schema/partitions.ts";

export interface ClaimedEvent {
  eventId: string;
  tenantId: string;
  lane: Priority;
}

export interface OutboxClaim {
  events: ClaimedEvent[];
  /** For each lane: the tenant after which the next claim continues, "" for the first. */
  nextAfter: Map<Priority, string>;
}

/**
 * Claims due rows, at most `budgets` of each lane, in equal shares from up to `maxTenants` tenants after
 * `afterTenants`, and moves them `leaseMs` ahead. Skips rows that another claim has locked. Claimed events that are
 * not routed come due again, so the same statement recovers lost events.
 */
export async function claimOutbox(
  database: Queryable,
  claim: {
    budgets: ReadonlyMap<Priority, number>;
    afterTenants: ReadonlyMap<Priority, string>;
    maxTenants: number;
    leaseMs: number;
  },
): Promise<OutboxClaim> {
  const budgets = LANES.map((lane) => claim.budgets.get(lane) ?? 0);
  const afterTenants = LANES.map((lane) => claim.afterTenants.get(lane) ?? "");
  const rows = await database.query<{
    claimed_lane: Priority;
    claimed_tenant: string;
    claimed_event: string | null;
  }>(
    prepared(
      "claim-outbox",
      sql`SELECT claimed_lane, claimed_tenant, claimed_event
        FROM claim_outbox(${budgets}, ${afterTenants}, ${claim.maxTenants}, ${claim.leaseMs})`,
    ),
  );
  const result: OutboxClaim = { events: [], nextAfter: new Map() };
  for (const row of rows) {
    if (row.claimed_event === null) result.nextAfter.set(row.claimed_lane, row.claimed_tenant);
    else
      result.events.push({
        eventId: row.claimed_event,
        tenantId: row.claimed_tenant,
        lane: row.claimed_lane,
      });
  }
  return result;
}

/** Makes at most `limit` leased rows due now; returns how many. Used after Redis lost its data. */
export async function expireOutboxLeases(database: Queryable, limit: number): Promise<number> {
  const rows = await database.query(sql`UPDATE outbox SET visible_at = now() WHERE event_id = ANY (ARRAY(
      SELECT event_id FROM outbox WHERE visible_at > now() LIMIT ${limit} FOR UPDATE SKIP LOCKED)) RETURNING 1`);
  return rows.length;
}

/** Counts the unrouted events of a tenant, up to `limit`. */
export async function countUnrouted(database: Queryable, tenantId: string, limit: number): Promise<number> {
  const [row] = await database.query<{ count: string }>(
    prepared(
      "count-unrouted",
      sql`SELECT count(*) AS count FROM (SELECT FROM outbox
      WHERE lane = ANY ('{1,2,3,4}') AND tenant_id = ${tenantId} LIMIT ${limit}) q`,
    ),
  );
  return Number(row?.count);
}

/** The age of the oldest unrouted event, ms, by the time in its id; 0 when there is none. */
export async function oldestUnroutedMs(database: Queryable): Promise<number> {
  const [row] = await database.query<{ event_id: string; now_ms: string }>(
    prepared(
      "oldest-unrouted",
      sql`SELECT event_id, clock_us() / 1000 AS now_ms FROM outbox ORDER BY event_id LIMIT 1`,
    ),
  );
  return row === undefined ? 0 : Math.max(0, Number(row.now_ms) - uuid7Ms(row.event_id));
}

/**
 * Records that a router starts on events of which some were published before: the router that started on them earlier
 * may have crashed because of one. Returns the events that were started before; the call marks the others of them as
 * started.
 */
export async function markStarted(database: Queryable, eventIds: readonly string[]): Promise<Set<string>> {
  const rows = await database.query<{ event_id: string }>(
    prepared(
      "mark-started",
      sql`WITH begun AS (
        UPDATE outbox SET starts = 1 WHERE event_id = ANY (${eventIds}::uuid[]) AND claims > 1 AND starts = 0
      )
      SELECT event_id FROM outbox WHERE event_id = ANY (${eventIds}::uuid[]) AND starts > 0`,
    ),
  );
  return new Set(rows.map((row) => row.event_id));
}

/** Adds 1 or -1 to the count of starts and returns the new count; undefined for an event that is routed. */
export async function countStart(
  database: Queryable,
  eventId: string,
  by: 1 | -1,
): Promise<number | undefined> {
  const [row] = await database.query<{ starts: number }>(
    prepared(
      "count-start",
      sql`UPDATE outbox SET starts = starts + ${by} WHERE event_id = ${eventId} RETURNING starts`,
    ),
  );
  return row?.starts;
}
