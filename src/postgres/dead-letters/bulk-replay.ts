import type { Queryable } from "../core/database.ts";
import { type Sql, sql } from "../core/sql.ts";
import { uuid7Floor } from "../schema/partitions.ts";
import type { DeadLetterStage } from "./dead-letters.ts";

/** Selects the pending dead letters of a tenant that are replayed; times are RFC 3339. */
export interface ReplayFilter {
  flow?: string;
  connector?: string;
  stage?: DeadLetterStage;
  fingerprint?: string;
  since?: string;
  until?: string;
}

/** Canary: the results of a few replays decide. Aborted: too many failed. */
export type BulkState = "canary" | "running" | "stopped" | "aborted" | "done";

/** A replay of all dead letters that a filter finds. */
export interface StoredBulk {
  id: string;
  tenantId: string;
  filter: ReplayFilter;
  ratePerSecond: number;
  state: BulkState;
  /** The reason of an abort. */
  reason: string | undefined;
  /** The number of matches when it started. */
  count: number;
  started: number;
  succeeded: number;
  /** Includes cancelled replays, and those without a run. */
  failed: number;
  /** The number of recently ended replays, and of the failed ones among them. */
  recent: { ended: number; failed: number };
  lastId: string;
  untilId: string;
  exhausted: boolean;
  createdAt: Date;
  /** Time since the canary ended well, ms. */
  rampedMs: number | undefined;
  /** When the last replay ended. */
  finishedAt: Date | undefined;
}

interface BulkRow {
  id: string;
  tenant_id: string;
  filter: ReplayFilter;
  rate_per_second: number;
  state: BulkState;
  reason: string | null;
  count: number;
  started: number;
  succeeded: number;
  failed: number;
  recent_ended: number;
  recent_failed: number;
  last_id: string;
  until_id: string;
  exhausted: boolean;
  created_at: Date;
  ramped_ms: string | null;
  finished_at: Date | null;
}

const COLUMNS = sql`b.id, b.tenant_id, b.filter, b.rate_per_second, b.state, b.reason, b.count, b.started,
  b.succeeded,
  b.failed, b.recent_ended, b.recent_failed, b.last_id, b.until_id, b.exhausted, b.created_at,
  (extract(epoch FROM now() - b.ramp_from) * 1000)::bigint AS ramped_ms, b.finished_at`;

/**
 * An event that crashed a router would crash the process that reads it here too: such dead letters are replayed one
 * by one.
 */
export const ROUTER_LOST = "ROUTER_LOST";

function isFound(tenantId: string, filter: ReplayFilter): Sql {
  const { flow, connector, stage, fingerprint } = filter;
  const [sinceId, untilId] = [filter.since, filter.until].map((time) =>
    time === undefined ? undefined : uuid7Floor(Date.parse(time)),
  );
  return sql`d.tenant_id = ${tenantId} AND d.status = 'pending' AND d.replay_run_id IS NULL
  AND d.error_context ->> 'code' IS DISTINCT FROM ${sql.literal(ROUTER_LOST)}
  AND (${flow}::text IS NULL OR d.flow_id = ${flow}) AND (${connector}::text IS NULL OR d.connector = ${connector})
  AND (${stage}::text IS NULL OR d.stage = ${stage})
  AND (${fingerprint}::text IS NULL OR d.fingerprint = ${fingerprint})
  AND (${sinceId}::uuid IS NULL OR d.id >= ${sinceId}) AND (${untilId}::uuid IS NULL OR d.id < ${untilId})`;
}

/** Counts the dead letters that match a filter now. */
export async function countForReplay(
  transaction: Queryable,
  tenantId: string,
  filter: ReplayFilter,
): Promise<number> {
  const [row] = await transaction.query<{ count: string }>(
    sql`SELECT count(*) AS count FROM dead_letters d WHERE ${isFound(tenantId, filter)}`,
  );
  return Number(row?.count);
}

/** Starts a bulk replay of the dead letters that match now; returns its id. */
export async function insertBulk(
  transaction: Queryable,
  bulk: { tenantId: string; filter: ReplayFilter; ratePerSecond: number; count: number },
): Promise<string> {
  const [row] = await transaction.query<{ id: string }>(
    sql`INSERT INTO dlq_replays ${sql.row({
      tenant_id: bulk.tenantId,
      filter: JSON.stringify(bulk.filter),
      rate_per_second: bulk.ratePerSecond,
      count: bulk.count,
    })} RETURNING id`,
  );
  return row?.id as string;
}

export async function findBulk(
  transaction: Queryable,
  tenantId: string,
  id: string,
): Promise<StoredBulk | undefined> {
  const [row] = await transaction.query<BulkRow>(
    sql`SELECT ${COLUMNS} FROM dlq_replays b WHERE b.tenant_id = ${tenantId} AND b.id = ${id}`,
  );
  return row === undefined ? undefined : asStoredBulk(row);
}

/** Lists a page of a tenant's bulk replays, newest first. */
export async function listBulks(
  transaction: Queryable,
  page: { tenantId: string; beforeId: string | undefined; limit: number },
): Promise<StoredBulk[]> {
  const rows = await transaction.query<BulkRow>(sql`SELECT ${COLUMNS} FROM dlq_replays b
      WHERE b.tenant_id = ${page.tenantId} AND (${page.beforeId}::uuid IS NULL OR b.id < ${page.beforeId})
      ORDER BY b.id DESC LIMIT ${page.limit}`);
  return rows.map(asStoredBulk);
}

/** Stops a bulk replay: no more replays start, and started ones finish. One that has ended stays unchanged. */
export async function stopBulk(transaction: Queryable, tenantId: string, id: string): Promise<void> {
  await transaction.query(sql`UPDATE dlq_replays SET state = 'stopped', visible_at = now()
      WHERE tenant_id = ${tenantId} AND id = ${id} AND state IN ('canary', 'running')`);
}

/** Locks a bulk replay that is due until the transaction ends. */
export async function lockDueBulk(transaction: Queryable): Promise<StoredBulk | undefined> {
  const [row] =
    await transaction.query<BulkRow>(sql`SELECT ${COLUMNS} FROM dlq_replays b JOIN tenants t ON t.id = b.tenant_id
      AND t.deleted_at IS NULL
      WHERE b.finished_at IS NULL AND b.visible_at <= now()
      ORDER BY b.visible_at LIMIT 1 FOR UPDATE OF b SKIP LOCKED`);
  return row === undefined ? undefined : asStoredBulk(row);
}

/** Time until the next bulk replay is due, ms; undefined when there is none. */
export async function nextBulkDueMs(database: Queryable): Promise<number | undefined> {
  const [row] = await database.query<{
    wait_ms: string;
  }>(sql`SELECT greatest(0, extract(epoch FROM b.visible_at - now()) * 1000)::bigint AS wait_ms
      FROM dlq_replays b JOIN tenants t ON t.id = b.tenant_id AND t.deleted_at IS NULL
      WHERE b.finished_at IS NULL ORDER BY b.visible_at LIMIT 1`);
  return row === undefined ? undefined : Number(row.wait_ms);
}

/** The results of a bulk replay's runs since they were last counted. */
export interface BulkOutcomes {
  succeeded: number;
  failed: number;
  /** Runs that have not ended. */
  inFlight: number;
  /** Unfinished runs with a failed attempt. */
  failing: number;
}

/** Counts the ended runs of a locked bulk replay, each once. */
export async function takeOutcomes(transaction: Queryable, id: string): Promise<BulkOutcomes> {
  const [row] = await transaction.query<{
    succeeded: number;
    failed: number;
    in_flight: number;
    failing: number;
  }>(sql`WITH out AS (
        SELECT o.run_id, r.state, r.attempts FROM dlq_replay_runs o LEFT JOIN runs r ON r.id = o.run_id
        WHERE o.replay_id = ${id}
      ),
      counted AS (
        DELETE FROM dlq_replay_runs WHERE replay_id = ${id} AND run_id IN (
          SELECT run_id FROM out WHERE state IS NULL OR state IN ('succeeded', 'dead', 'cancelled'))
      )
      SELECT count(*) FILTER (WHERE state = 'succeeded')::int AS succeeded,
        count(*) FILTER (WHERE state IS NULL OR state IN ('dead', 'cancelled'))::int AS failed,
        count(*) FILTER (WHERE state IN ('queued', 'running', 'failed'))::int AS in_flight,
        count(*) FILTER (WHERE state IN ('queued', 'running', 'failed') AND attempts > 0)::int AS failing
      FROM out`);
  const { succeeded = 0, failed = 0, in_flight: inFlight = 0, failing = 0 } = row ?? {};
  return { succeeded, failed, inFlight, failing };
}

/**
 * Reads the next dead letters of a locked bulk replay, at most `limit`, in the order of their ids. The page ends with
 * the payload that has to be read and reaches `maxBytes`.
 */
export async function pageOfBulk(
  transaction: Queryable,
  bulk: StoredBulk,
  { limit, maxBytes }: { limit: number; maxBytes: number },
): Promise<{ ids: string[]; isLast: boolean }> {
  const rows = await transaction.query<{ id: string; bytes: number }>(
    sql`SELECT d.id, CASE WHEN d.stage = 'execute' THEN 0
        ELSE coalesce(octet_length(d.edited_payload), octet_length(d.event_payload), 0) END AS bytes
      FROM dead_letters d
      WHERE ${isFound(bulk.tenantId, bulk.filter)} AND d.id > ${bulk.lastId} AND d.id < ${bulk.untilId}
      ORDER BY d.id LIMIT ${limit}`,
  );
  const ids: string[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (bytes >= maxBytes) break;
    ids.push(row.id);
    bytes += row.bytes;
  }
  return { ids, isLast: rows.length < limit && ids.length === rows.length };
}

/** Stores the progress of a locked bulk replay with the started runs; it is due again after `waitMs`. */
export async function moveBulk(
  transaction: Queryable,
  bulk: StoredBulk,
  moved: {
    state: BulkState;
    reason: string | undefined;
    started: number;
    succeeded: number;
    failed: number;
    recent: { ended: number; failed: number };
    lastId: string;
    exhausted: boolean;
    isFinished: boolean;
    runIds: readonly string[];
    waitMs: number;
  },
): Promise<void> {
  await transaction.query(sql`WITH started_runs AS (
        INSERT INTO dlq_replay_runs (run_id, replay_id, tenant_id)
        SELECT run_id, ${bulk.id}, ${bulk.tenantId} FROM unnest(${moved.runIds}::uuid[]) AS run_id
      )
      UPDATE dlq_replays SET ${sql.assignments({
        state: moved.state,
        reason: moved.reason,
        started: moved.started,
        succeeded: moved.succeeded,
        failed: moved.failed,
        recent_ended: moved.recent.ended,
        recent_failed: moved.recent.failed,
        last_id: moved.lastId,
        exhausted: moved.exhausted,
        visible_at: sql`now() + ${Math.round(moved.waitMs)}::int * interval '1 millisecond'`,
        ramp_from: moved.state === "running" ? sql`coalesce(ramp_from, now())` : sql`ramp_from`,
        finished_at: moved.isFinished ? sql`now()` : undefined,
      })}
      WHERE id = ${bulk.id}`);
}

/** Deletes at most `limit` bulk replays that finished more than `keptMs` ago; returns how many. */
export async function deleteOldBulks(
  database: Queryable,
  { keptMs, limit }: { keptMs: number; limit: number },
): Promise<number> {
  const rows = await database.query(sql`DELETE FROM dlq_replays WHERE id = ANY (ARRAY(
        SELECT id FROM dlq_replays WHERE finished_at < now() - ${keptMs}::bigint * interval '1 millisecond'
        LIMIT ${limit} FOR UPDATE SKIP LOCKED))
      RETURNING 1`);
  return rows.length;
}

function asStoredBulk(row: BulkRow): StoredBulk {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    filter: row.filter,
    ratePerSecond: row.rate_per_second,
    state: row.state,
    reason: row.reason ?? undefined,
    count: row.count,
    started: row.started,
    succeeded: row.succeeded,
    failed: row.failed,
    recent: { ended: row.recent_ended, failed: row.recent_failed },
    lastId: row.last_id,
    untilId: row.until_id,
    exhausted: row.exhausted,
    createdAt: row.created_at,
    rampedMs: row.ramped_ms === null ? undefined : Number(row.ramped_ms),
    finishedAt: row.finished_at ?? undefined,
  };
}
