import type { Priority } from "../../domain/priority.ts";
import { readList } from "../core/array-literal.ts";
import type { Queryable } from "../core/database.ts";
import { type InputColumn, type InputRows, preparedInShape, rowInput } from "../core/row-input.ts";
import { prepared, type Sql, sql } from "../core/sql.ts";
import type { ClaimedRun, ClaimedRuns } from "../runs/runs.ts";
import { idBounds } from "../schema/partitions.ts";

/** A run to be created for an event and a flow that it matched. */
export interface NewRun {
  id: string;
  tenantId: string;
  flowId: string;
  flowVersion: number;
  eventId: string;
  lane: Priority;
  /** Set if the flow has limits; see `domain/flow/flow-gate.ts`. */
  gate?: string | undefined;
}

/** A dead letter to be created for an event that goes no further; the statement copies the event. */
export interface NewDeadLetter {
  eventId: string;
  stage: "normalize" | "route";
  errorMessage: string;
  errorContext: Record<string, unknown>;
  fingerprint: string;
  /** True when the event matched no trigger: a policy may drop these. */
  unmatched: boolean;
}

/** The decision of routing about one batch: a verdict for every event. */
export interface RoutingDecision {
  verdicts: { eventId: string; tenantId: string; status: "routed" | "unmatched" | "dead" }[];
  runs: NewRun[];
  deadLetters: NewDeadLetter[];
}

/** How the runs of a decision start. */
export interface RunStart {
  /** When a run whose job is lost comes due, ms from now. */
  queuedLeaseMs: number;
  /** Runs of flows without limits that are claimed as they are created, for `leaseMs`, under this fence. */
  claim?: { runIds: ReadonlySet<string>; fence: number; leaseMs: number } | undefined;
}

/** The result of carrying out a decision. */
export interface Routed {
  /** The events whose outbox row this call deleted, and whether it created a dead letter for each. */
  events: Map<string, { deadLettered: boolean }>;
  claimed: ClaimedRuns;
}

/**
 * Carries out a decision atomically in one statement: deletes the outbox rows, and writes verdict, runs and dead
 * letter of each event whose row still existed. Events missing in the result were routed by another process. A run of
 * a returned event that is not claimed needs a job.
 */
export async function routeEvents(
  database: Queryable,
  decision: RoutingDecision,
  start: RunStart,
): Promise<Routed> {
  const { verdicts, runs, deadLetters } = decision;
  const claims = claimsOf(runs, start.claim);
  const shape = verdicts.length === 1 && runs.length === 1 && deadLetters.length === 0 ? "one" : "many";
  const starting = runs.map((run) => ({ ...run, fence: claims.get(run.id)?.fence }));
  const routed = routedStatement({
    queuedLeaseMs: start.queuedLeaseMs,
    claimLeaseMs: start.claim?.leaseMs ?? 0,
    verdicts: verdictRows(verdicts, shape),
    runs: runRows(starting, shape),
  });
  // Most batches make no dead letter: they pay neither for the look at the events nor for the counters.
  const [row] = await database.query<RoutedRow>(
    deadLetters.length === 0
      ? preparedInShape("route-events", shape, sql`${routed}${RESULT} FROM change_counters`)
      : prepared("route-events-and-dead-letters", withDeadLetters(routed, decision)),
  );
  const deadLettered = new Set(readList(row?.dead_lettered));
  return {
    events: new Map(
      readList(row?.taken).map((eventId) => [eventId, { deadLettered: deadLettered.has(eventId) }]),
    ),
    claimed: {
      runs: readList(row?.claimed).flatMap((id) => claims.get(id) ?? []),
      flowsCounter: Number(row?.flows),
      breakersCounter: Number(row?.breakers),
    },
  };
}

interface RoutedRow {
  taken: string | null;
  dead_lettered?: string | null;
  claimed: string | null;
  flows: string;
  breakers: string;
}

function claimsOf(runs: readonly NewRun[], claim: RunStart["claim"]): Map<string, ClaimedRun> {
  if (claim === undefined || claim.runIds.size === 0) return new Map();
  const { runIds, fence } = claim;
  const claimed = runs.filter((run) => runIds.has(run.id));
  return new Map(claimed.map((run) => [run.id, { ...run, replaySeq: 0, fence, attempts: 0 }]));
}

const verdictRows = rowInput<RoutingDecision["verdicts"][number]>([
  ["event_id", "uuid", (verdict) => verdict.eventId],
  ["tenant_id", "text", (verdict) => verdict.tenantId],
  ["status", "text", (verdict) => verdict.status],
]);

const NEW_RUN_COLUMNS: readonly InputColumn<NewRun>[] = [
  ["id", "uuid", (run) => run.id],
  ["tenant_id", "text", (run) => run.tenantId],
  ["flow_id", "text", (run) => run.flowId],
  ["flow_version", "int", (run) => run.flowVersion],
  ["event_id", "uuid", (run) => run.eventId],
  ["lane", "smallint", (run) => run.lane],
  ["gate", "text", (run) => run.gate],
];

const newRunRows = rowInput(NEW_RUN_COLUMNS);
const runRows = rowInput<NewRun & { fence: number | undefined }>([
  ...NEW_RUN_COLUMNS,
  ["fence", "bigint", (run) => run.fence],
]);

const deadLetterRows = rowInput<NewDeadLetter>([
  ["event_id", "uuid", (letter) => letter.eventId],
  ["stage", "text", (letter) => letter.stage],
  ["error_message", "text", (letter) => letter.errorMessage],
  ["error_context", "text", (letter) => JSON.stringify(letter.errorContext)],
  ["fingerprint", "text", (letter) => letter.fingerprint],
  ["unmatched", "int", (letter) => Number(letter.unmatched)],
]);

function routedStatement(batch: {
  queuedLeaseMs: number;
  claimLeaseMs: number;
  verdicts: InputRows;
  runs: InputRows;
}): Sql {
  const { queuedLeaseMs, claimLeaseMs, verdicts, runs } = batch;
  return sql`
WITH taken AS MATERIALIZED (
  SELECT event_id FROM take_outbox(${verdicts.array("event_id")}) AS event_id
),
new_verdicts AS (
  INSERT INTO verdicts (event_id, tenant_id, status)
  SELECT v.event_id, v.tenant_id, v.status FROM ${verdicts.from("v")} JOIN taken USING (event_id)
  ON CONFLICT (event_id) DO NOTHING
),
new_runs AS (
  INSERT INTO runs (id, tenant_id, flow_id, flow_version, event_id, lane, gate, state, fence, started_at, visible_at)
  SELECT r.id, r.tenant_id, r.flow_id, r.flow_version, r.event_id, r.lane, r.gate,
    CASE WHEN r.fence IS NULL THEN 'queued' ELSE 'running' END, coalesce(r.fence, 0),
    CASE WHEN r.fence IS NULL THEN NULL ELSE now() END,
    now() + interval '1 millisecond'
      * CASE WHEN r.fence IS NULL THEN ${queuedLeaseMs}::int ELSE ${claimLeaseMs}::int END
  FROM ${runs.from("r")} JOIN taken USING (event_id)
  ON CONFLICT (id) DO NOTHING
  RETURNING id, state
)`;
}

const RESULT = sql`
SELECT (SELECT string_agg(event_id::text, ',') FROM taken) AS taken,
  (SELECT string_agg(id::text, ',') FROM new_runs WHERE state = 'running') AS claimed,
  max(value) FILTER (WHERE name = 'flows') AS flows, max(value) FILTER (WHERE name = 'breakers') AS breakers`;

function withDeadLetters(routed: Sql, { verdicts, deadLetters }: RoutingDecision): Sql {
  const { low, high } = idBounds(verdicts.map((verdict) => verdict.eventId));
  return sql`${routed},
new_dead_letters AS (
  INSERT INTO dead_letters (tenant_id, connector, endpoint, event_id, event_type, source, subject, occurred_at,
    delivery_key, item, stage, event_payload, content_type, headers, error_message, error_context, fingerprint)
  SELECT e.tenant_id, e.connector, e.endpoint, e.id, e.type, e.source, e.subject, e.occurred_at, e.delivery_key,
    e.item, d.stage, e.payload, e.content_type, e.headers, d.error_message, d.error_context::jsonb, d.fingerprint
  FROM ${deadLetterRows(deadLetters).from("d")}
    JOIN taken USING (event_id)
    JOIN events e ON e.id = d.event_id AND e.id BETWEEN ${low}::uuid AND ${high}::uuid
  WHERE d.unmatched = 0 OR 'dlq' = coalesce(
    (SELECT p.unmatched FROM dlq_policies p WHERE p.tenant_id = e.tenant_id),
    (SELECT p.unmatched FROM dlq_policies p WHERE p.tenant_id = '*'), 'dlq')
  RETURNING event_id
)${RESULT}, (SELECT string_agg(event_id::text, ',') FROM new_dead_letters) AS dead_lettered FROM change_counters`;
}

/** Makes runs of past events, due at once; answers how many there were not yet. */
export async function insertRuns(transaction: Queryable, runs: readonly NewRun[]): Promise<number> {
  if (runs.length === 0) return 0;
  const input = newRunRows(runs);
  const rows = await transaction.query(
    sql`INSERT INTO runs (id, tenant_id, flow_id, flow_version, event_id, lane, gate, state, visible_at)
      SELECT r.*, 'queued', now() FROM ${input.from("r")} ON CONFLICT (id) DO NOTHING RETURNING 1`,
  );
  return rows.length;
}
