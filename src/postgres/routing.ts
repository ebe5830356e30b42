import type { Priority } from "../domain/priority.ts";
import { numberArray, readList, textArray } from "./array-literal.ts";
import type { Queryable } from "./database.ts";
import { idBounds } from "./partitions.ts";
import type { ClaimedRun, ClaimedRuns } from "./runs.ts";

/** A run to be made for an event and a flow that matched it. */
export interface NewRun {
  id: string;
  tenantId: string;
  flowId: string;
  flowVersion: number;
  eventId: string;
  lane: Priority;
  /** Of a flow with limits: see `domain/flow-gate.ts`. */
  gate?: string | undefined;
}

/** A dead letter to be made for an event that goes no further; it takes its copy of the event from the table. */
export interface NewDeadLetter {
  eventId: string;
  stage: "normalize" | "route";
  errorMessage: string;
  errorContext: Record<string, unknown>;
  fingerprint: string;
  /** True where it is one because the event met no trigger: a policy may drop these. */
  unmatched: boolean;
}

/** What routing decided about one batch. Every event has one verdict. */
export interface RoutingDecision {
  verdicts: { eventId: string; tenantId: string; status: "routed" | "unmatched" | "dead" }[];
  runs: NewRun[];
  deadLetters: NewDeadLetter[];
}

/** How the runs of a decision come into being. */
export interface RunStart {
  /** When a run comes due whose job is lost, ms from now. */
  queuedLeaseMs: number;
  /** The first so many runs of flows without limits are claimed as they are made, for `leaseMs`, under this fence. */
  claim?: { most: number; fence: number; leaseMs: number } | undefined;
}

/** What a decision did. */
export interface Routed {
  /** The events whose row this call deleted, and whether a dead letter was written for each. */
  events: Map<string, { buried: boolean }>;
  claimed: ClaimedRuns;
}

/**
 * Carries out a decision in one statement: the outbox rows go, and for each event whose row was still there its
 * verdict, runs and dead letter are written. All of it, or none. What is missing in the answer was routed by somebody
 * else; a run that is neither claimed nor of such an event needs a job.
 */
export async function routeEvents(
  database: Queryable,
  decision: RoutingDecision,
  start: RunStart,
): Promise<Routed> {
  const { verdicts, runs, deadLetters } = decision;
  const { queuedLeaseMs, claim } = start;
  const claims = claimsOf(runs, claim);
  const values = [
    textArray(verdicts.map((verdict) => verdict.eventId)),
    textArray(verdicts.map((verdict) => verdict.tenantId)),
    textArray(verdicts.map((verdict) => verdict.status)),
    textArray(runs.map((run) => run.id)),
    textArray(runs.map((run) => run.tenantId)),
    textArray(runs.map((run) => run.flowId)),
    numberArray(runs.map((run) => run.flowVersion)),
    textArray(runs.map((run) => run.eventId)),
    numberArray(runs.map((run) => run.lane)),
    queuedLeaseMs,
    textArray(runs.map((run) => run.gate)),
    numberArray(runs.map((run) => claims.get(run.id)?.fence)),
    claim?.leaseMs ?? 0,
  ];
  const [row] = await database.query<RoutedRow>(
    deadLetters.length === 0
      ? { name: "route-events", text: ROUTE_EVENTS, values }
      : {
          name: "route-and-bury-events",
          text: ROUTE_AND_BURY_EVENTS,
          values: [...values, ...letterValues(decision)],
        },
  );
  const buried = new Set(readList(row?.buried));
  return {
    events: new Map(readList(row?.taken).map((eventId) => [eventId, { buried: buried.has(eventId) }])),
    claimed: {
      runs: readList(row?.claimed).flatMap((id) => claims.get(id) ?? []),
      flowsCounter: Number(row?.flows),
      breakersCounter: Number(row?.breakers),
    },
  };
}

interface RoutedRow {
  taken: string | null;
  buried: string | null;
  claimed: string | null;
  flows: string;
  breakers: string;
}

function claimsOf(runs: readonly NewRun[], claim: RunStart["claim"]): Map<string, ClaimedRun> {
  if (claim === undefined || claim.most === 0) return new Map();
  const { most, fence } = claim;
  const free = runs.filter((run) => run.gate === undefined).slice(0, most);
  return new Map(free.map((run) => [run.id, { ...run, replaySeq: 0, fence, attempts: 0 }]));
}

function letterValues({ verdicts, deadLetters }: RoutingDecision): unknown[] {
  const { low, high } = idBounds(verdicts.map((verdict) => verdict.eventId));
  return [
    deadLetters.map((letter) => letter.eventId),
    deadLetters.map((letter) => letter.stage),
    deadLetters.map((letter) => letter.errorMessage),
    deadLetters.map((letter) => JSON.stringify(letter.errorContext)),
    deadLetters.map((letter) => letter.fingerprint),
    deadLetters.map((letter) => letter.unmatched),
    low,
    high,
  ];
}

const ROUTED = `
WITH taken AS MATERIALIZED (SELECT event_id FROM take_outbox($1::uuid[]) AS event_id),
judged AS (
  INSERT INTO verdicts (event_id, tenant_id, status)
  SELECT v.event_id, v.tenant_id, v.status
  FROM unnest($1::uuid[], $2::text[], $3::text[]) AS v (event_id, tenant_id, status) JOIN taken USING (event_id)
  ON CONFLICT (event_id) DO NOTHING
),
made AS (
  INSERT INTO runs (id, tenant_id, flow_id, flow_version, event_id, lane, gate, state, fence, started_at, visible_at)
  SELECT r.id, r.tenant_id, r.flow_id, r.flow_version, r.event_id, r.lane, r.gate,
    CASE WHEN r.fence IS NULL THEN 'queued' ELSE 'running' END, coalesce(r.fence, 0),
    CASE WHEN r.fence IS NULL THEN NULL ELSE now() END,
    now() + CASE WHEN r.fence IS NULL THEN $10::int ELSE $13::int END * interval '1 millisecond'
  FROM unnest($4::uuid[], $5::text[], $6::text[], $7::int[], $8::uuid[], $9::smallint[], $11::text[], $12::bigint[])
    AS r (id, tenant_id, flow_id, flow_version, event_id, lane, gate, fence) JOIN taken USING (event_id)
  ON CONFLICT (id) DO NOTHING
  RETURNING id, state
),
claimed AS (SELECT string_agg(id::text, ',') AS ids FROM made WHERE state = 'running')`;

const COUNTERS = `
  (SELECT value FROM change_counters WHERE name = 'flows') AS flows,
  (SELECT value FROM change_counters WHERE name = 'breakers') AS breakers`;

// Most batches bury nothing: they do not pay for the look at the events, nor for what counts dead letters.
const ROUTE_EVENTS = `${ROUTED}
SELECT string_agg(event_id::text, ',') AS taken, NULL AS buried, (SELECT ids FROM claimed) AS claimed,${COUNTERS}
FROM taken`;

const ROUTE_AND_BURY_EVENTS = `${ROUTED},
buried AS (
  INSERT INTO dead_letters (tenant_id, connector, endpoint, event_id, event_type, source, subject, occurred_at,
    delivery_key, item, stage, event_payload, content_type, headers, error_message, error_context, fingerprint)
  SELECT e.tenant_id, e.connector, e.endpoint, e.id, e.type, e.source, e.subject, e.occurred_at, e.delivery_key,
    e.item, d.stage, e.payload, e.content_type, e.headers, d.error_message, d.error_context::jsonb, d.fingerprint
  FROM unnest($14::uuid[], $15::text[], $16::text[], $17::text[], $18::text[], $19::boolean[])
      AS d (event_id, stage, error_message, error_context, fingerprint, unmatched)
    JOIN taken USING (event_id)
    JOIN events e ON e.id = d.event_id AND e.id BETWEEN $20::uuid AND $21::uuid
  WHERE NOT d.unmatched OR 'dlq' = coalesce(
    (SELECT p.unmatched FROM dlq_policies p WHERE p.tenant_id = e.tenant_id),
    (SELECT p.unmatched FROM dlq_policies p WHERE p.tenant_id = '*'), 'dlq')
  RETURNING event_id
)
SELECT (SELECT string_agg(event_id::text, ',') FROM taken) AS taken,
  (SELECT string_agg(event_id::text, ',') FROM buried) AS buried, (SELECT ids FROM claimed) AS claimed,${COUNTERS}`;

/** Makes runs of past events, due at once; answers how many there were not yet. */
export async function insertRuns(transaction: Queryable, runs: readonly NewRun[]): Promise<number> {
  if (runs.length === 0) return 0;
  const rows = await transaction.query({
    text: `INSERT INTO runs (id, tenant_id, flow_id, flow_version, event_id, lane, gate, state, visible_at)
      SELECT r.*, 'queued', now()
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::uuid[], $6::smallint[], $7::text[]) AS r
      ON CONFLICT (id) DO NOTHING RETURNING 1`,
    values: [
      runs.map((run) => run.id),
      runs.map((run) => run.tenantId),
      runs.map((run) => run.flowId),
      runs.map((run) => run.flowVersion),
      runs.map((run) => run.eventId),
      runs.map((run) => run.lane),
      runs.map((run) => run.gate ?? null),
    ],
  });
  return rows.length;
}
