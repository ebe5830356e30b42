import type { SourceDefinition } from "../../domain/source.ts";
import type { Queryable } from "../core/database.ts";
import { type InputColumn, rowInput } from "../core/row-input.ts";
import { prepared, sql } from "../core/sql.ts";
import type { SourceName } from "./sources.ts";

/** A poll that this process claimed, under a lease, with the policy's inputs. */
export interface TakenPoll extends SourceName {
  /** From a sequence of the database: rises with every claim, even if Redis loses its data. */
  fence: number;
  pollId: string;
  /** Combines the versions of the source and its connector. */
  version: string;
  connector: string;
  /**
   * The owner of the rate limit that its requests count against: its tenant, or '*' for one that all tenants share.
   */
  limiter: string;
  entity: string;
  definition: SourceDefinition;
  /** The connector's. */
  rateLimit: { requests: number; per_seconds: number } | undefined;
  /** Time since the policy wanted this poll, ms. */
  lateMs: number;
  /** Whether it was requested. */
  requested: boolean;
  policyState: unknown;
  failures: number;
  /** Time since the start of the last poll that was ok, ms. */
  sinceOkMs: number | undefined;
}

/** A source that Redis listed as due and that is not: due in `waitMs`, or no longer polled if that is undefined. */
export interface UntakenPoll extends SourceName {
  waitMs: number | undefined;
}

/** A source that another transaction has locked is tried again after this time, ms. */
const LOCKED_MS = 500;

/** Sources that wait for the same limit resume spread over this time, ms. */
const WAKE_SPREAD_MS = 5_000;

interface TakeRow {
  tenant_id: string;
  source: string;
  fence: string | null;
  poll_id: string | null;
  version: string;
  connector: string;
  limiter: string;
  entity: string;
  definition: SourceDefinition;
  rate_limit: TakenPoll["rateLimit"] | null;
  late_ms: number;
  requested: boolean;
  policy_state: unknown;
  failures: number;
  since_ok_ms: number | null;
  exists: boolean;
  pollable: boolean | null;
  wait_ms: number | null;
}

/**
 * Claims the sources that are really due: not being polled, and not held by a limit. Redis may be wrong about each,
 * in particular after it lost its data; the row lock here makes sure that one process polls a source at a time.
 */
export async function takePolls(
  database: Queryable,
  sources: readonly SourceName[],
  leaseMs: number,
): Promise<{ taken: TakenPoll[]; untaken: UntakenPoll[] }> {
  const rows = await database.query<TakeRow>(
    prepared(
      "take-polls",
      sql`WITH asked AS (SELECT * FROM ${sourceRows(sources).from("a")}),
      locked AS (
        SELECT s.tenant_id, s.source, s.limiter, s.due_at, s.requested_poll_id IS NOT NULL AS requested,
          s.policy_state,
          s.failures, s.last_ok_at, d.connector, d.entity, d.definition, n.source -> 'rate_limit' AS rate_limit,
          d.version || '.' || n.source_version AS version,
          d.enabled AND t.deleted_at IS NULL AND n.source IS NOT NULL AS pollable,
          greatest(s.next_poll_at, s.leased_until, s.not_before, l.not_before) AS free_at,
          CASE WHEN l.not_before > clock_timestamp() THEN random() * ${sql.raw(`${WAKE_SPREAD_MS}`)}
            ELSE 0 END AS spread_ms
        FROM asked JOIN source_schedules s USING (tenant_id, source)
          JOIN sources d ON d.tenant_id = s.tenant_id AND d.id = s.source
          JOIN connectors n ON n.id = d.connector JOIN tenants t ON t.id = d.tenant_id
          LEFT JOIN source_limits l ON l.tenant_id = s.limiter AND l.connector = d.connector
        ORDER BY s.tenant_id, s.source FOR UPDATE OF s SKIP LOCKED
      ),
      taken AS (
        UPDATE source_schedules s SET fence = nextval('poll_fences'),
          poll_id = coalesce(s.requested_poll_id, uuid7(clock_us())),
          leased_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
        FROM locked k WHERE s.tenant_id = k.tenant_id AND s.source = k.source AND k.pollable
          AND k.free_at <= clock_timestamp()
        RETURNING s.tenant_id, s.source, s.fence, s.poll_id
      ),
      parked AS (
        UPDATE source_schedules s SET next_poll_at = 'infinity', requested_poll_id = NULL
        FROM locked k WHERE s.tenant_id = k.tenant_id AND s.source = k.source AND NOT k.pollable
      )
      SELECT a.tenant_id, a.source, t.fence, t.poll_id, k.version, k.connector, k.limiter, k.entity, k.definition,
        k.rate_limit, k.requested, k.policy_state, k.failures, k.pollable,
        greatest(0, extract(epoch FROM clock_timestamp() - k.due_at) * 1000)::float8 AS late_ms,
        extract(epoch FROM clock_timestamp() - k.last_ok_at)::float8 * 1000 AS since_ok_ms,
        CASE WHEN k.pollable
          THEN extract(epoch FROM k.free_at - clock_timestamp())::float8 * 1000 + k.spread_ms END AS wait_ms,
        EXISTS (SELECT FROM source_schedules s WHERE s.tenant_id = a.tenant_id AND s.source = a.source) AS exists
      FROM asked a LEFT JOIN locked k USING (tenant_id, source) LEFT JOIN taken t USING (tenant_id, source)`,
    ),
  );
  const taken: TakenPoll[] = [];
  const untaken: UntakenPoll[] = [];
  for (const row of rows) {
    if (row.fence !== null && row.poll_id !== null) taken.push(asTakenPoll(row, row.fence, row.poll_id));
    else untaken.push({ tenantId: row.tenant_id, source: row.source, waitMs: waitOf(row) });
  }
  return { taken, untaken };
}

const sourceRows = rowInput<SourceName>([
  ["tenant_id", "text", (one) => one.tenantId],
  ["source", "text", (one) => one.source],
]);

function asTakenPoll(row: TakeRow, fence: string, pollId: string): TakenPoll {
  return {
    tenantId: row.tenant_id,
    source: row.source,
    fence: Number(fence),
    pollId,
    version: row.version,
    connector: row.connector,
    limiter: row.limiter,
    entity: row.entity,
    definition: row.definition,
    rateLimit: row.rate_limit ?? undefined,
    lateMs: row.late_ms,
    requested: row.requested,
    policyState: row.policy_state,
    failures: row.failures,
    sinceOkMs: row.since_ok_ms ?? undefined,
  };
}

function waitOf({ exists, pollable, wait_ms }: TakeRow): number | undefined {
  if (!exists || pollable === false) return undefined;
  return pollable === null || wait_ms === null ? LOCKED_MS : Math.max(1, Math.ceil(wait_ms));
}

/** Extends the leases of polls; returns the fences of those that this process still owns. */
export async function renewPolls(
  database: Queryable,
  polls: readonly (SourceName & { fence: number })[],
  leaseMs: number,
): Promise<Set<number>> {
  const rows = await database.query<{ fence: string }>(
    prepared(
      "renew-polls",
      sql`UPDATE source_schedules s SET leased_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
      FROM ${claimRows(polls).from("p")}
      WHERE s.tenant_id = p.tenant_id AND s.source = p.source AND s.fence = p.fence AND s.leased_until IS NOT NULL
      RETURNING s.fence`,
    ),
  );
  return new Set(rows.map((row) => Number(row.fence)));
}

/** Releases polls that were not started or not finished: their sources are due after `waitMs`. */
export async function releasePolls(
  database: Queryable,
  polls: readonly (SourceName & { fence: number; waitMs: number })[],
): Promise<void> {
  await database.query(
    prepared(
      "release-polls",
      sql`UPDATE source_schedules s SET leased_until = NULL, poll_id = NULL,
        next_poll_at = clock_timestamp() + p.wait_ms * interval '1 millisecond'
      FROM ${returnedRows(polls).from("p")}
      WHERE s.tenant_id = p.tenant_id AND s.source = p.source AND s.fence = p.fence`,
    ),
  );
}

const CLAIM_COLUMNS: readonly InputColumn<SourceName & { fence: number }>[] = [
  ["tenant_id", "text", (poll) => poll.tenantId],
  ["source", "text", (poll) => poll.source],
  ["fence", "bigint", (poll) => poll.fence],
];

const claimRows = rowInput(CLAIM_COLUMNS);

const returnedRows = rowInput<SourceName & { fence: number; waitMs: number }>([
  ...CLAIM_COLUMNS,
  ["wait_ms", "float8", (poll) => poll.waitMs],
]);

/** The result of a poll that ended, for the next one. */
export interface EndedPoll extends SourceName {
  fence: number;
  pollId: string;
  version: string;
  connector: string;
  limiter: string;
  waitMs: number;
  policyState: unknown;
  demand: number;
  reasons: readonly string[];
  outcome: { id: string; status: string; finished_at: string; error?: { code: string; message: string } };
  failures: number;
  /** Time since it started, ms; undefined unless it was ok. */
  okSinceMs: number | undefined;
  /** For how long nothing may be sent, ms: by all that share the limit, or by this source. */
  heldMs: { limit: number | undefined; source: number | undefined };
  rateLimit: { limit: number; remaining: number; resetS: number } | undefined;
}

/** True when no change or request has set the next poll meanwhile. */
const UNASKED = sql`s.version = p.version AND coalesce(s.requested_poll_id = p.poll_id, true)`;

/**
 * Stores the results of polls that are the newest of their sources, and returns the time until each source's next
 * poll, ms, by fence. A source that was changed or requested meanwhile keeps the due time of that. The hold of a
 * limit commits in the same transaction.
 */
export async function endPolls(
  database: Queryable,
  polls: readonly EndedPoll[],
): Promise<Map<number, number>> {
  const limits = newestLimits(polls);
  const rows = await database.query<{ fence: string; wait_ms: number }>(
    prepared(
      "end-polls",
      sql`WITH limits AS (
        INSERT INTO source_limits AS l (tenant_id, connector, not_before, quota, remaining, resets_at)
        SELECT tenant_id, connector, clock_timestamp() + held_ms * interval '1 millisecond', quota, remaining,
          clock_timestamp() + resets_ms * interval '1 millisecond'
        FROM ${limitRows(limits).from("x")}
        ON CONFLICT (tenant_id, connector) DO UPDATE SET updated_at = now(),
          not_before = greatest(l.not_before, excluded.not_before), quota = coalesce(excluded.quota, l.quota),
          remaining = coalesce(excluded.remaining, l.remaining), resets_at = coalesce(excluded.resets_at, l.resets_at)
      )
      UPDATE source_schedules s SET leased_until = NULL, poll_id = NULL, updated_at = now(),
        requested_poll_id = nullif(s.requested_poll_id, p.poll_id),
        next_poll_at = CASE WHEN ${UNASKED} THEN clock_timestamp() + p.wait_ms * interval '1 millisecond'
          ELSE s.next_poll_at END,
        due_at = CASE WHEN ${UNASKED} THEN clock_timestamp() + p.wait_ms * interval '1 millisecond'
          ELSE s.due_at END,
        interval_seconds = p.wait_ms / 1000, policy_state = p.policy_state, demand = p.demand,
        reasons = ARRAY(SELECT json_array_elements_text(p.reasons)), last_outcome = p.outcome, failures = p.failures,
        last_ok_at = coalesce(clock_timestamp() - p.ok_since_ms * interval '1 millisecond', s.last_ok_at),
        not_before = clock_timestamp() + p.held_ms * interval '1 millisecond'
      FROM ${endedRows(polls).from("p")}
      WHERE s.tenant_id = p.tenant_id AND s.source = p.source AND s.fence = p.fence
      RETURNING s.fence, greatest(0,
        extract(epoch FROM s.next_poll_at - clock_timestamp()) * 1000)::float8 AS wait_ms`,
    ),
  );
  return new Map(rows.map((row) => [Number(row.fence), row.wait_ms]));
}

const endedRows = rowInput<EndedPoll>([
  ...CLAIM_COLUMNS,
  ["poll_id", "uuid", (poll) => poll.pollId],
  ["version", "text", (poll) => poll.version],
  ["wait_ms", "float8", (poll) => poll.waitMs],
  ["policy_state", "json", (poll) => JSON.stringify(poll.policyState)],
  ["demand", "float8", (poll) => poll.demand],
  ["reasons", "json", (poll) => JSON.stringify(poll.reasons)],
  ["outcome", "json", (poll) => JSON.stringify(poll.outcome)],
  ["failures", "int", (poll) => poll.failures],
  ["ok_since_ms", "float8", (poll) => poll.okSinceMs],
  ["held_ms", "float8", (poll) => poll.heldMs.source],
]);

interface SeenLimit {
  tenantId: string;
  connector: string;
  heldMs: number | undefined;
  seen: EndedPoll["rateLimit"];
}

/** The limits that the polls saw: one row each, in an order common to all writers. */
function newestLimits(polls: readonly EndedPoll[]): SeenLimit[] {
  const limits = new Map<string, SeenLimit>();
  for (const { limiter, connector, heldMs, rateLimit } of polls) {
    if (heldMs.limit === undefined && rateLimit === undefined) continue;
    const key = `${limiter}/${connector}`;
    const known = limits.get(key);
    const held = Math.max(known?.heldMs ?? 0, heldMs.limit ?? 0);
    limits.set(key, {
      tenantId: limiter,
      connector,
      seen: rateLimit ?? known?.seen,
      heldMs: held === 0 ? undefined : held,
    });
  }
  return [...limits.keys()].sort().map((key) => limits.get(key) as SeenLimit);
}

const limitRows = rowInput<SeenLimit>([
  ["tenant_id", "text", (limit) => limit.tenantId],
  ["connector", "text", (limit) => limit.connector],
  ["held_ms", "float8", (limit) => limit.heldMs],
  ["quota", "int", (limit) => limit.seen?.limit],
  ["remaining", "int", (limit) => limit.seen?.remaining],
  ["resets_ms", "float8", (limit) => limit.seen && limit.seen.resetS * 1_000],
]);
