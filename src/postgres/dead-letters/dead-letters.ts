import {
  asLooked,
  type FoundRows,
  findRows,
  LOOKED_COLUMNS,
  type Looked,
  type LookedRow,
  type LookStep,
} from "../core/bounded-list.ts";
import type { Queryable } from "../core/database.ts";
import { sql } from "../core/sql.ts";

export type DeadLetterStage = "normalize" | "route" | "execute";
export type DeadLetterStatus = "pending" | "replayed" | "expired";

/** What could not be processed, with its copy of the event. */
export interface StoredDeadLetter {
  id: string;
  tenantId: string;
  connector: string;
  endpoint: string;
  eventId: string;
  eventType: string | undefined;
  flowId: string | undefined;
  runId: string | undefined;
  stage: DeadLetterStage;
  /** The exact bytes; undefined when they were erased. */
  payload: Buffer | undefined;
  /** JSON that somebody gave for the replays, in place of the original. */
  editedPayload: Buffer | undefined;
  contentType: string | undefined;
  errorMessage: string;
  errorContext: Record<string, unknown>;
  fingerprint: string;
  createdAt: Date;
  updatedAt: Date;
  /** How often a replay was tried. */
  retryCount: number;
  status: DeadLetterStatus;
  /** The replay that has not ended. */
  replayRunId: string | undefined;
}

interface DeadLetterRow {
  id: string;
  tenant_id: string;
  connector: string;
  endpoint: string;
  event_id: string;
  event_type: string | null;
  flow_id: string | null;
  run_id: string | null;
  stage: DeadLetterStage;
  event_payload: Buffer | null;
  edited_payload: Buffer | null;
  content_type: string | null;
  error_message: string;
  error_context: Record<string, unknown>;
  fingerprint: string;
  created_at: Date;
  updated_at: Date;
  retry_count: number;
  status: DeadLetterStatus;
  replay_run_id: string | null;
}

const COLUMNS = sql`d.id, d.tenant_id, d.connector, d.endpoint, d.event_id, d.event_type, d.flow_id, d.run_id, d.stage,
  d.event_payload, d.edited_payload, d.content_type, d.error_message, d.error_context, d.fingerprint, d.created_at,
  d.updated_at, d.retry_count, d.status, d.replay_run_id`;

export interface DeadLetterFilter {
  /** Undefined: of every tenant. */
  tenantId: string | undefined;
  flowId: string | undefined;
  connector: string | undefined;
  stage: DeadLetterStage | undefined;
  status: DeadLetterStatus | undefined;
  fingerprint: string | undefined;
  /** Bounds on the id, from the times asked for: since is inclusive, until is not. */
  sinceId: string | undefined;
  untilId: string | undefined;
  /** Only ids below this one: where the previous page ended. */
  beforeId: string | undefined;
  limit: number;
  /** The page ends with the payload that reaches this size, bytes. */
  maxBytes: number;
}

/** A page of dead letters, newest first. It ends at the payload that reaches `maxBytes`, or where it stopped. */
export async function listDeadLetters(
  database: Queryable,
  filter: DeadLetterFilter,
): Promise<FoundRows<StoredDeadLetter>> {
  const { flowId, connector, stage, status, fingerprint } = filter;
  const { rows: ids, ...end } = await findRows((step) => lookAtDeadLetters(database, filter, step), {
    beforeId: filter.beforeId,
    limit: filter.limit,
    filtered: [flowId, connector, stage, status, fingerprint].some((value) => value !== undefined),
  });
  const rows = ids.length === 0 ? [] : await loadDeadLetters(database, ids, filter.maxBytes);
  if (rows.length < ids.length) return { rows, more: true, lookedUntilId: undefined };
  return { rows, ...end };
}

/** The ids of the dead letters that a filter finds among the next ones. */
async function lookAtDeadLetters(
  database: Queryable,
  filter: DeadLetterFilter,
  step: LookStep,
): Promise<Looked<string>> {
  const [row] = await database.query<LookedRow>(sql`WITH looked AS MATERIALIZED (
        SELECT d.id, d.flow_id, d.connector, d.stage, d.status, d.fingerprint FROM dead_letters d
        WHERE (${filter.tenantId}::text IS NULL OR d.tenant_id = ${filter.tenantId})
          AND (${filter.sinceId}::uuid IS NULL OR d.id >= ${filter.sinceId}) AND (${filter.untilId}::uuid IS NULL OR d.id < ${filter.untilId}) AND (${step.beforeId}::uuid IS NULL OR d.id < ${step.beforeId})
        ORDER BY d.id DESC LIMIT ${step.rows}
      ), found AS (
        SELECT l.id FROM looked l
        WHERE (${filter.flowId}::text IS NULL OR l.flow_id = ${filter.flowId}) AND (${filter.connector}::text IS NULL OR l.connector = ${filter.connector})
          AND (${filter.stage}::text IS NULL OR l.stage = ${filter.stage}) AND (${filter.status}::text IS NULL OR l.status = ${filter.status})
          AND (${filter.fingerprint}::text IS NULL OR l.fingerprint = ${filter.fingerprint})
        ORDER BY l.id DESC LIMIT ${step.limit}
      )
      SELECT ${LOOKED_COLUMNS}`);
  return asLooked(row);
}

/** The dead letters with these ids, newest first, up to the payload that reaches `maxBytes`. */
async function loadDeadLetters(
  database: Queryable,
  ids: readonly string[],
  maxBytes: number,
): Promise<StoredDeadLetter[]> {
  const rows = await database.query<DeadLetterRow>(sql`SELECT * FROM (
        SELECT p.*,
          coalesce(sum(p.bytes) OVER (ORDER BY p.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
            AS bytes_before
        FROM (
          SELECT ${COLUMNS},
            coalesce(octet_length(d.event_payload), 0) + coalesce(octet_length(d.edited_payload), 0) AS bytes
          FROM dead_letters d WHERE d.id = ANY (${ids}::uuid[])
        ) p
      ) q WHERE bytes_before < ${maxBytes} ORDER BY id DESC`);
  return rows.map(asStoredDeadLetter);
}

/** A dead letter of a tenant, if there is one. */
export async function findDeadLetter(
  database: Queryable,
  tenantId: string,
  id: string,
): Promise<StoredDeadLetter | undefined> {
  const [row] = await database.query<DeadLetterRow>(
    sql`SELECT ${COLUMNS} FROM dead_letters d WHERE d.tenant_id = ${tenantId} AND d.id = ${id}`,
  );
  return row === undefined ? undefined : asStoredDeadLetter(row);
}

function asStoredDeadLetter(row: DeadLetterRow): StoredDeadLetter {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    connector: row.connector,
    endpoint: row.endpoint,
    eventId: row.event_id,
    eventType: row.event_type ?? undefined,
    flowId: row.flow_id ?? undefined,
    runId: row.run_id ?? undefined,
    stage: row.stage,
    payload: row.event_payload ?? undefined,
    editedPayload: row.edited_payload ?? undefined,
    contentType: row.content_type ?? undefined,
    errorMessage: row.error_message,
    errorContext: row.error_context,
    fingerprint: row.fingerprint,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    retryCount: row.retry_count,
    status: row.status,
    replayRunId: row.replay_run_id ?? undefined,
  };
}
