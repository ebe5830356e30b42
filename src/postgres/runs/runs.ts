import type { Priority } from "../../domain/priority.ts";
import { readList } from "../core/array-literal.ts";
import type { Queryable } from "../core/database.ts";
import { type InputRows, preparedInShape, rowInput } from "../core/row-input.ts";
import { prepared, type Sql, sql } from "../core/sql.ts";
import { idBounds, isAmong } from "../schema/partitions.ts";
import { asClaimedRuns, type ClaimRow } from "./claimed-rows.ts";

/**
 * A run that this process executes: it may finish the run while its fence is the newest and its lease has not
 * expired.
 */
export interface ClaimedRun {
  id: string;
  tenantId: string;
  flowId: string;
  flowVersion: number;
  eventId: string;
  replaySeq: number;
  lane: Priority;
  fence: number;
  /** Attempts that ended before this one. */
  attempts: number;
  /** Set if the flow has limits; see `domain/flow/flow-gate.ts`. */
  gate?: string | undefined;
}

/**
 * The claimed runs, and the counters read in the same statement, which tell whether cached flows and breakers are
 * current.
 */
export interface ClaimedRuns {
  runs: ClaimedRun[];
  flowsCounter: number;
  breakersCounter: number;
}

/**
 * Claims the queued runs of a batch: they are running for `leaseMs`, under a new fence. The commit is not flushed to
 * disk, so a crash of the server may undo the claim; the fence rises by a random step, so that the next claim has a
 * different one even then. Runs missing in the result were finished, cancelled or claimed by another process. Runs of
 * flows with limits are claimed by `claimGatedRuns` instead.
 */
export async function claimRuns(
  database: Queryable,
  ids: readonly string[],
  leaseMs: number,
): Promise<ClaimedRuns> {
  const rows = await database.query<ClaimRow>(
    prepared(
      "claim-runs",
      sql`WITH relaxed AS (SELECT set_config('synchronous_commit', 'off', true)),
      claimed AS (
        UPDATE runs SET state = 'running', held_reason = NULL,
          fence = fence + 1 + floor(random() * 1000000)::bigint, started_at = coalesce(started_at, now()),
          visible_at = now() + ${leaseMs}::int * interval '1 millisecond'
        WHERE ${isAmong("id", ids)} AND state = 'queued'
        RETURNING id, tenant_id, flow_id, flow_version, event_id, replay_seq, lane, fence, attempts
      )
      SELECT claimed.*, c.value AS counter, b.value AS breakers
      FROM relaxed, change_counters b, change_counters c LEFT JOIN claimed ON true
      WHERE c.name = 'flows' AND b.name = 'breakers'`,
    ),
  );
  return asClaimedRuns(rows);
}

/** Extends the leases of running runs; returns the ids that are still running under the given fence. */
export async function extendLeases(
  database: Queryable,
  held: readonly { id: string; fence: number }[],
  leaseMs: number,
): Promise<Set<string>> {
  const ids = held.map((run) => run.id);
  const leases = leaseRows(held);
  const rows = await database.query<{ id: string }>(
    prepared(
      "extend-leases",
      sql`UPDATE runs r SET visible_at = now() + ${leaseMs}::int * interval '1 millisecond'
      FROM ${leases.from("held")}
      WHERE ${isAmong("r.id", ids, leases.column("id"))}
        AND r.id = held.id AND r.fence = held.fence AND r.state = 'running'
      RETURNING r.id`,
    ),
  );
  return new Set(rows.map((row) => row.id));
}

const leaseRows = rowInput<{ id: string; fence: number }>([
  ["id", "uuid", (run) => run.id],
  ["fence", "bigint", (run) => run.fence],
]);

/** The result of an attempt, and the next state of its run. */
export interface FinishedAttempt {
  id: string;
  eventId: string;
  fence: number;
  /** 0 for the run that routing created; others may replay a dead letter. */
  replaySeq: number;
  /** succeeded and dead end the run; failed waits `retryDelayMs` for the next attempt. */
  state: "succeeded" | "failed" | "dead";
  retryDelayMs: number;
  durationMs: number;
  responseStatus: number | undefined;
  errorCode: string | undefined;
  errorMessage: string | undefined;
  /** Stored in the dead letter, when the state is dead. */
  errorContext: Record<string, unknown> | undefined;
  fingerprint: string | undefined;
}

/** The error of a run that lost its worker too often to be claimed again. */
export const WORKER_LOST = "WORKER_LOST";

/**
 * Stores the results of a batch of attempts in one statement: the run's new state, the attempt, and for a dead run
 * its dead letter with a copy of its event. A run that replays a dead letter creates no second one: the dead letter
 * is replayed when the run succeeds, and gets the new error when the run is dead. Runs with another fence are left
 * alone; returns the ids written.
 */
export async function finishRuns(
  database: Queryable,
  attempts: readonly FinishedAttempt[],
): Promise<Set<string>> {
  const { low, high } = idBounds(attempts.map((attempt) => attempt.id));
  const touchesLetters = attempts.some(({ state, replaySeq }) => state === "dead" || replaySeq > 0);
  const shape = attempts.length === 1 && !touchesLetters ? "one" : "many";
  const finished = finishedStatement(finishedRows(attempts, shape), { low, high });
  // Most batches touch no dead letter: they pay neither for the look nor for the counters.
  const [row] = await database.query<{ ids: string | null }>(
    touchesLetters
      ? prepared("finish-runs-and-dead-letters", withDeadLetters(finished, attempts))
      : preparedInShape("finish-runs", shape, sql`${finished}${RESULT}`),
  );
  return new Set(readList(row?.ids));
}

/** Lower than every partition. */
const NO_EVENT = "00000000-0000-0000-0000-000000000000";

const finishedRows = rowInput<FinishedAttempt>([
  ["run_id", "uuid", (attempt) => attempt.id],
  ["fence", "bigint", (attempt) => attempt.fence],
  ["state", "text", (attempt) => attempt.state],
  ["retry_delay_ms", "int", (attempt) => attempt.retryDelayMs],
  ["duration_ms", "int", (attempt) => attempt.durationMs],
  ["response_status", "int", (attempt) => attempt.responseStatus],
  ["error_code", "text", (attempt) => attempt.errorCode],
  ["error_message", "text", (attempt) => attempt.errorMessage],
]);

const deadLetterRows = rowInput<FinishedAttempt>([
  ["run_id", "uuid", (attempt) => attempt.id],
  ["error_context", "text", ({ errorContext }) => errorContext && JSON.stringify(errorContext)],
  ["fingerprint", "text", (attempt) => attempt.fingerprint],
]);

function finishedStatement(ended: InputRows, { low, high }: { low: string; high: string }): Sql {
  return sql`
WITH finished AS (
  UPDATE runs r SET state = e.state, attempts = r.attempts + 1, lost = 0, error_code = e.error_code,
    error_message = e.error_message,
    visible_at = now() + e.retry_delay_ms * interval '1 millisecond',
    finished_at = CASE WHEN e.state = 'failed' THEN NULL ELSE now() END
  FROM ${ended.from("e")}
  WHERE r.id ${ended.among("run_id")} AND r.id BETWEEN ${low}::uuid AND ${high}::uuid
    AND r.id = e.run_id AND r.fence = e.fence AND r.state = 'running'
  RETURNING r.tenant_id, r.flow_id, r.event_id, r.dead_letter_id, r.attempts, e.*
),
new_attempts AS (
  INSERT INTO attempts (run_id, attempt, tenant_id, outcome, error_code, error_message, response_status, started_at,
    finished_at)
  SELECT run_id, attempts, tenant_id, CASE WHEN state = 'succeeded' THEN 'done' WHEN state = 'failed' THEN 'retry'
      WHEN error_code = ${sql.literal(WORKER_LOST)} THEN 'lost' ELSE 'dead' END,
    error_code, error_message, response_status, now() - duration_ms * interval '1 millisecond', now()
  FROM finished
)`;
}

const RESULT = sql`
SELECT string_agg(run_id::text, ',') AS ids FROM finished`;

function withDeadLetters(finished: Sql, attempts: readonly FinishedAttempt[]): Sql {
  const dead = attempts.filter((attempt) => attempt.state === "dead").map((attempt) => attempt.eventId);
  const { low, high } = idBounds(dead.length === 0 ? [NO_EVENT] : dead);
  return sql`${finished},
lettered AS (
  SELECT f.*, l.error_context, l.fingerprint
  FROM finished f JOIN ${deadLetterRows(attempts).from("l")} USING (run_id)
),
replayed AS (
  UPDATE dead_letters d SET replay_run_id = NULL, updated_at = now(),
    status = CASE f.state WHEN 'succeeded' THEN 'replayed' ELSE d.status END,
    stage = CASE f.state WHEN 'dead' THEN 'execute' ELSE d.stage END,
    flow_id = CASE f.state WHEN 'dead' THEN f.flow_id ELSE d.flow_id END,
    run_id = CASE f.state WHEN 'dead' THEN f.run_id ELSE d.run_id END,
    error_message = CASE f.state WHEN 'dead' THEN coalesce(f.error_message, '') ELSE d.error_message END,
    error_context = CASE f.state WHEN 'dead' THEN f.error_context::jsonb ELSE d.error_context END,
    fingerprint = CASE f.state WHEN 'dead' THEN f.fingerprint ELSE d.fingerprint END,
    failed_at = CASE f.state WHEN 'dead' THEN now() ELSE d.failed_at END
  FROM lettered f
  WHERE f.state <> 'failed' AND d.id = f.dead_letter_id AND d.tenant_id = f.tenant_id AND d.replay_run_id = f.run_id
  RETURNING d.id
),
new_dead_letters AS (
  INSERT INTO dead_letters (tenant_id, connector, endpoint, event_id, event_type, source, subject, occurred_at,
    delivery_key, item, flow_id, run_id, stage, event_payload, content_type, headers, error_message, error_context,
    fingerprint)
  SELECT f.tenant_id, v.connector, v.endpoint, f.event_id, v.type, v.source, v.subject, v.occurred_at,
    v.delivery_key, v.item, f.flow_id, f.run_id, 'execute', v.payload, v.content_type, v.headers,
    coalesce(f.error_message, ''), f.error_context::jsonb, f.fingerprint
  FROM lettered f JOIN events v ON v.id = f.event_id AND v.id BETWEEN ${low}::uuid AND ${high}::uuid
  WHERE f.state = 'dead' AND NOT EXISTS (SELECT FROM replayed WHERE id = f.dead_letter_id)
)${RESULT}`;
}

/** A run that is queued under a new generation and needs a job. */
export interface DueRun {
  id: string;
  tenantId: string;
  flowId: string;
  lane: Priority;
  generation: number;
  /** How often it lost its worker before an attempt ended; only set by `queueRuns`. */
  lost?: number;
  /** Why it was held until it came due; only set by `queueRuns`. */
  heldReason?: string | undefined;
  /** Whether its flow's limits apply to its claim. */
  gated: boolean;
}

/**
 * Lists the due runs of the lanes, the longest due first, at most `limit`: their job was lost, their lease expired,
 * or the back-off after a failed attempt is over. Locks nothing: `queueRuns` decides.
 */
export async function dueRunIds(
  database: Queryable,
  lanes: readonly Priority[],
  limit: number,
): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    prepared(
      "due-runs",
      sql`SELECT id FROM runs WHERE state IN ('queued', 'running', 'failed') AND visible_at <= now()
        AND lane = ANY (${lanes}::smallint[])
      ORDER BY visible_at LIMIT ${limit}`,
    ),
  );
  return rows.map((row) => row.id);
}

/** Queues the runs that are still due under their next generation, and moves them `leaseMs` ahead. */
export async function queueRuns(
  database: Queryable,
  ids: readonly string[],
  leaseMs: number,
): Promise<DueRun[]> {
  const rows = await database.query<{
    id: string;
    tenant_id: string;
    flow_id: string;
    lane: Priority;
    generation: number;
    lost: number;
    held_reason: string | null;
    gated: boolean;
  }>(
    prepared(
      "queue-runs",
      sql`UPDATE runs SET state = 'queued', generation = generation + 1,
        visible_at = now() + ${leaseMs}::int * interval '1 millisecond'
      WHERE ${isAmong("id", ids)}
        AND state IN ('queued', 'running', 'failed') AND visible_at <= now()
      RETURNING id, tenant_id, flow_id, lane, generation, lost, held_reason, gate IS NOT NULL AS gated`,
    ),
  );
  return rows.map((row) => ({
    id: row.id,
    tenantId: row.tenant_id,
    flowId: row.flow_id,
    lane: row.lane,
    generation: row.generation,
    lost: row.lost,
    heldReason: row.held_reason ?? undefined,
    gated: row.gated,
  }));
}

/** Time until the next unfinished run is due, ms; undefined when there is none. */
export async function nextRunDueMs(database: Queryable): Promise<number | undefined> {
  const [row] = await database.query<{ wait_ms: string }>(
    prepared(
      "next-run-due",
      sql`SELECT greatest(0, extract(epoch FROM visible_at - now()) * 1000)::bigint AS wait_ms FROM runs
      WHERE state IN ('queued', 'running', 'failed') ORDER BY visible_at LIMIT 1`,
    ),
  );
  return row === undefined ? undefined : Number(row.wait_ms);
}

/** Makes every queued run that is not held due now and returns how many. Used after Redis lost their jobs. */
export async function expireQueuedRuns(database: Queryable): Promise<number> {
  const rows = await database.query(
    sql`UPDATE runs SET visible_at = now() WHERE state = 'queued' AND visible_at > now() AND held_reason IS NULL
      RETURNING 1`,
  );
  return rows.length;
}

/** Releases the runs that this process will not finish: they are queued and due at once, and do not count as lost. */
export async function releaseRuns(
  database: Queryable,
  held: readonly { id: string; fence: number }[],
): Promise<void> {
  const ids = held.map((run) => run.id);
  const leases = leaseRows(held);
  await database.query(sql`UPDATE runs r SET state = 'queued', visible_at = now()
      FROM ${leases.from("held")}
      WHERE ${isAmong("r.id", ids, leases.column("id"))}
        AND r.id = held.id AND r.fence = held.fence AND r.state = 'running'`);
}
