import type { Priority } from "../../domain/priority.ts";
import type { Queryable } from "../core/database.ts";
import { rowInput } from "../core/row-input.ts";
import { sql } from "../core/sql.ts";
import type { DeadLetterStage, DeadLetterStatus } from "./dead-letters.ts";

/** A dead letter as its replay needs it, locked until the transaction ends. */
export interface LockedDeadLetter {
  id: string;
  tenantId: string;
  stage: DeadLetterStage;
  status: DeadLetterStatus;
  flowId: string | undefined;
  connector: string;
  endpoint: string;
  /** The event of the replay, if it still exists: the original, or the one created for replays. */
  eventId: string;
  hasEvent: boolean;
  /** The gate of the failed run, if it still exists: see `domain/flow-gate.ts`. */
  gate: string | undefined;
  eventType: string | undefined;
  source: string | undefined;
  subject: string | undefined;
  occurredAtMs: number | undefined;
  headers: Record<string, string>;
  contentType: string | undefined;
  /** The payload to normalize: the edited one if there is one. Undefined for stage `execute`. */
  payload: Buffer | undefined;
  replayRunId: string | undefined;
}

interface LockedRow {
  id: string;
  tenant_id: string;
  stage: DeadLetterStage;
  status: DeadLetterStatus;
  flow_id: string | null;
  connector: string;
  endpoint: string;
  event_id: string;
  has_event: boolean;
  gate: string | null;
  event_type: string | null;
  source: string | null;
  subject: string | null;
  occurred_at: Date | null;
  headers: Record<string, string>;
  content_type: string | null;
  payload: Buffer | null;
  replay_run_id: string | null;
}

/**
 * Locks dead letters of a tenant in the order of their ids, so that nothing else replays them until the transaction
 * ends. Waits for those that another transaction holds, or skips them with `passOver`.
 */
export async function lockDeadLetters(
  transaction: Queryable,
  locked: { tenantId: string; ids: readonly string[]; passOver: boolean },
): Promise<LockedDeadLetter[]> {
  const rows =
    await transaction.query<LockedRow>(sql`SELECT d.id, d.tenant_id, d.stage, d.status, d.flow_id, d.connector,
      d.endpoint, d.event_type, d.source,
        d.subject, d.occurred_at, d.headers, d.replay_run_id, coalesce(d.replay_event_id, d.event_id) AS event_id,
        (d.replay_event_id IS NOT NULL OR d.edited_payload IS NULL) AND EXISTS (SELECT FROM events e
          WHERE e.id = coalesce(d.replay_event_id, d.event_id) AND e.tenant_id = d.tenant_id) AS has_event,
        (SELECT r.gate FROM runs r WHERE r.id = d.run_id) AS gate,
        CASE WHEN d.edited_payload IS NULL THEN d.content_type ELSE 'application/json' END AS content_type,
        CASE WHEN d.stage <> 'execute' THEN coalesce(d.edited_payload, d.event_payload) END AS payload
      FROM dead_letters d WHERE d.tenant_id = ${locked.tenantId} AND d.id = ANY (${locked.ids}::uuid[])
      ORDER BY d.id FOR UPDATE OF d ${locked.passOver ? sql`SKIP LOCKED` : sql``}`);
  return rows.map((row) => ({
    id: row.id,
    tenantId: row.tenant_id,
    stage: row.stage,
    status: row.status,
    flowId: row.flow_id ?? undefined,
    connector: row.connector,
    endpoint: row.endpoint,
    eventId: row.event_id,
    hasEvent: row.has_event,
    gate: row.gate ?? undefined,
    eventType: row.event_type ?? undefined,
    source: row.source ?? undefined,
    subject: row.subject ?? undefined,
    occurredAtMs: row.occurred_at?.getTime(),
    headers: row.headers,
    contentType: row.content_type ?? undefined,
    payload: row.payload ?? undefined,
    replayRunId: row.replay_run_id ?? undefined,
  }));
}

/** Stores a JSON payload beside the original of a locked dead letter: replays take it from now on. */
export async function editDeadLetter(transaction: Queryable, id: string, payload: Buffer): Promise<void> {
  await transaction.query(
    sql`UPDATE dead_letters SET edited_payload = ${payload}, replay_event_id = NULL, updated_at = now()
      WHERE id = ${id}`,
  );
}

/**
 * Creates events for the replays of locked dead letters whose original is gone or was edited; returns the event's id
 * by the dead letter's. An unedited event keeps its delivery key, so it counts as the same event.
 */
export async function makeReplayEvents(
  transaction: Queryable,
  ids: readonly string[],
): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await transaction.query<{ id: string; replay_event_id: string }>(sql`WITH named AS (
        UPDATE dead_letters SET replay_event_id = uuid7(clock_us()) WHERE id = ANY (${ids}::uuid[]) RETURNING *
      ),
      new_events AS (
        INSERT INTO events (id, tenant_id, connector, endpoint, type, source, priority, subject, occurred_at,
          received_at, delivery_key, item, headers, content_type, flows_counter, payload)
        SELECT n.replay_event_id, n.tenant_id, n.connector, n.endpoint, n.event_type, 'replay', 4, n.subject,
          n.occurred_at, clock_timestamp(),
          CASE WHEN n.edited_payload IS NULL THEN coalesce(n.delivery_key, 'replay:' || n.event_id)
            ELSE 'replay:' || n.replay_event_id END,
          coalesce(n.item, 0), n.headers,
          CASE WHEN n.edited_payload IS NULL THEN n.content_type ELSE 'application/json' END,
          c.value, coalesce(n.edited_payload, n.event_payload)
        FROM named n, change_counters c WHERE c.name = 'flows'
      ),
      new_verdicts AS (
        INSERT INTO verdicts (event_id, tenant_id, status) SELECT replay_event_id, tenant_id, 'routed' FROM named
      )
      SELECT id, replay_event_id FROM named`);
  return new Map(rows.map((row) => [row.id, row.replay_event_id]));
}

/** A run to be created for an event that was accepted before. */
export interface NewReplay {
  id: string;
  tenantId: string;
  flowId: string;
  flowVersion: number;
  eventId: string;
  replaySeq: number;
  lane: Priority;
  /** The dead letter that it replays, which ends with the run; undefined if there is none. */
  letterId: string | undefined;
  /** Set if the flow has limits; see `domain/flow/flow-gate.ts`. */
  gate: string | undefined;
}

/** The cause of a replay; replays by a policy are counted separately. */
export type ReplayCause = "requested" | "auto" | "cleared";

/**
 * Creates the runs, due in `leaseMs` in case their jobs are lost, and assigns each locked dead letter its own. Their
 * events count as routed from now on.
 */
export async function insertReplays(
  transaction: Queryable,
  replays: readonly NewReplay[],
  { leaseMs, cause }: { leaseMs: number; cause: ReplayCause },
): Promise<void> {
  if (replays.length === 0) return;
  await transaction.query(sql`WITH new AS (
        SELECT * FROM ${replayRows(replays).from("n")}
      ),
      started AS (
        INSERT INTO runs (id, tenant_id, flow_id, flow_version, event_id, replay_seq, lane, dead_letter_id, gate,
          state,
          visible_at)
        SELECT id, tenant_id, flow_id, flow_version, event_id, replay_seq, lane, letter_id, gate, 'queued',
          now() + ${leaseMs}::int * interval '1 millisecond' FROM new
      ),
      routed AS (
        UPDATE verdicts v SET status = 'routed' FROM (SELECT DISTINCT event_id FROM new) n
        WHERE v.event_id = n.event_id AND v.status <> 'routed'
      )
      UPDATE dead_letters d SET replay_run_id = n.id, retry_count = d.retry_count + 1,
        auto_replays = d.auto_replays + (${cause} = 'auto')::int,
        cleared_replays = d.cleared_replays + (${cause} = 'cleared')::int
      FROM new n WHERE d.id = n.letter_id AND d.tenant_id = n.tenant_id`);
}

const replayRows = rowInput<NewReplay>([
  ["id", "uuid", (replay) => replay.id],
  ["tenant_id", "text", (replay) => replay.tenantId],
  ["flow_id", "text", (replay) => replay.flowId],
  ["flow_version", "int", (replay) => replay.flowVersion],
  ["event_id", "uuid", (replay) => replay.eventId],
  ["replay_seq", "int", (replay) => replay.replaySeq],
  ["lane", "smallint", (replay) => replay.lane],
  ["letter_id", "uuid", (replay) => replay.letterId],
  ["gate", "text", (replay) => replay.gate],
]);

/** A try at a replay that created no run. */
export interface FailedTry {
  letterId: string;
  stage: "normalize" | "route";
  errorMessage: string;
  errorContext: Record<string, unknown>;
  fingerprint: string;
}

/** Stores the error of a failed try in locked dead letters; it counts as a retry if the replay was requested. */
export async function failTries(
  transaction: Queryable,
  tries: readonly FailedTry[],
  cause: ReplayCause,
): Promise<void> {
  if (tries.length === 0) return;
  await transaction.query(sql`UPDATE dead_letters d SET stage = t.stage, error_message = t.error_message,
        error_context = t.error_context::jsonb, fingerprint = t.fingerprint, failed_at = now(), updated_at = now(),
        retry_count = d.retry_count + ${cause === "requested" ? 1 : 0}
      FROM ${failedRows(tries).from("t")}
      WHERE d.id = t.id`);
}

const failedRows = rowInput<FailedTry>([
  ["id", "uuid", (one) => one.letterId],
  ["stage", "text", (one) => one.stage],
  ["error_message", "text", (one) => one.errorMessage],
  ["error_context", "text", (one) => JSON.stringify(one.errorContext)],
  ["fingerprint", "text", (one) => one.fingerprint],
]);
