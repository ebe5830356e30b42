import type { Priority } from "../domain/priority.ts";
import { numberArray, readList, textArray } from "./array-literal.ts";
import type { Queryable } from "./database.ts";
import { idBounds } from "./partitions.ts";

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

/**
 * Carries out a decision in one statement: the outbox rows go, and for each event whose row was still there its
 * verdict, runs (first due `leaseMs` from now, if their job is lost) and dead letter are written. All of it, or none.
 * Answers the events whose row this call deleted, and whether a dead letter was written for each; the others were
 * routed by somebody else.
 */
export async function routeEvents(
  database: Queryable,
  decision: RoutingDecision,
  leaseMs: number,
): Promise<Map<string, { buried: boolean }>> {
  const { verdicts, runs, deadLetters } = decision;
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
    leaseMs,
    textArray(runs.map((run) => run.gate)),
  ];
  const [row] = await database.query<{ taken: string | null; buried: string | null }>(
    deadLetters.length === 0
      ? { name: "route-events", text: ROUTE_EVENTS, values }
      : {
          name: "route-and-bury-events",
          text: ROUTE_AND_BURY_EVENTS,
          values: [...values, ...letterValues(decision)],
        },
  );
  const buried = new Set(readList(row?.buried));
  return new Map(readList(row?.taken).map((eventId) => [eventId, { buried: buried.has(eventId) }]));
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
started AS (
  INSERT INTO runs (id, tenant_id, flow_id, flow_version, event_id, lane, gate, state, visible_at)
  SELECT r.id, r.tenant_id, r.flow_id, r.flow_version, r.event_id, r.lane, r.gate, 'queued',
    now() + $10::int * interval '1 millisecond'
  FROM unnest($4::uuid[], $5::text[], $6::text[], $7::int[], $8::uuid[], $9::smallint[], $11::text[])
    AS r (id, tenant_id, flow_id, flow_version, event_id, lane, gate) JOIN taken USING (event_id)
  ON CONFLICT (id) DO NOTHING
)`;

// Most batches bury nothing: they do not pay for the look at the events, nor for what counts dead letters.
const ROUTE_EVENTS = `${ROUTED}
SELECT string_agg(event_id::text, ',') AS taken, NULL AS buried FROM taken`;

const ROUTE_AND_BURY_EVENTS = `${ROUTED},
buried AS (
  INSERT INTO dead_letters (tenant_id, connector, endpoint, event_id, event_type, source, subject, occurred_at,
    delivery_key, item, stage, event_payload, content_type, headers, error_message, error_context, fingerprint)
  SELECT e.tenant_id, e.connector, e.endpoint, e.id, e.type, e.source, e.subject, e.occurred_at, e.delivery_key,
    e.item, d.stage, e.payload, e.content_type, e.headers, d.error_message, d.error_context::jsonb, d.fingerprint
  FROM unnest($12::uuid[], $13::text[], $14::text[], $15::text[], $16::text[], $17::boolean[])
      AS d (event_id, stage, error_message, error_context, fingerprint, unmatched)
    JOIN taken USING (event_id)
    JOIN events e ON e.id = d.event_id AND e.id BETWEEN $18::uuid AND $19::uuid
  WHERE NOT d.unmatched OR 'dlq' = coalesce(
    (SELECT p.unmatched FROM dlq_policies p WHERE p.tenant_id = e.tenant_id),
    (SELECT p.unmatched FROM dlq_policies p WHERE p.tenant_id = '*'), 'dlq')
  RETURNING event_id
)
SELECT (SELECT string_agg(event_id::text, ',') FROM taken) AS taken,
  (SELECT string_agg(event_id::text, ',') FROM buried) AS buried`;

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
