import {
  asScanned,
  type FoundRows,
  findRows,
  SCANNED_COLUMNS,
  type Scanned,
  type ScannedRow,
  type ScanStep,
} from "../core/bounded-list.ts";
import type { Queryable } from "../core/database.ts";
import { fromRow, fromRows } from "../core/rows.ts";
import { sql } from "../core/sql.ts";

export type DeadLetterStage = "normalize" | "route" | "execute";
export type DeadLetterStatus = "pending" | "replayed" | "expired";

/** An event that could not be processed, with its copy. */
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
  /** The edited JSON for replays, in place of the original. */
  editedPayload: Buffer | undefined;
  contentType: string | undefined;
  errorMessage: string;
  errorContext: Record<string, unknown>;
  fingerprint: string;
  createdAt: Date;
  updatedAt: Date;
  /** The number of tried replays. */
  retryCount: number;
  status: DeadLetterStatus;
  /** The run of the unfinished replay. */
  replayRunId: string | undefined;
}

const COLUMNS = sql`d.id, d.tenant_id, d.connector, d.endpoint, d.event_id, d.event_type, d.flow_id, d.run_id,
  d.stage, d.event_payload AS payload, d.edited_payload, d.content_type, d.error_message, d.error_context,
  d.fingerprint, d.created_at, d.updated_at, d.retry_count, d.status, d.replay_run_id`;

export interface DeadLetterFilter {
  /** Undefined: dead letters of every tenant. */
  tenantId: string | undefined;
  flowId: string | undefined;
  connector: string | undefined;
  stage: DeadLetterStage | undefined;
  status: DeadLetterStatus | undefined;
  fingerprint: string | undefined;
  /** Bounds on the id from the requested times: since is inclusive, until is exclusive. */
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
  const { rows: ids, ...end } = await findRows((step) => scanDeadLetters(database, filter, step), {
    beforeId: filter.beforeId,
    limit: filter.limit,
    filtered: [flowId, connector, stage, status, fingerprint].some((value) => value !== undefined),
  });
  const rows = ids.length === 0 ? [] : await loadDeadLetters(database, ids, filter.maxBytes);
  if (rows.length < ids.length) return { rows, more: true, scannedUntilId: undefined };
  return { rows, ...end };
}

/** Scans the next dead letters and returns the ids of those that match the filter. */
async function scanDeadLetters(
  database: Queryable,
  filter: DeadLetterFilter,
  step: ScanStep,
): Promise<Scanned<string>> {
  const [row] = await database.query<ScannedRow>(sql`WITH scanned AS MATERIALIZED (
        SELECT d.id, d.flow_id, d.connector, d.stage, d.status, d.fingerprint FROM dead_letters d
        WHERE (${filter.tenantId}::text IS NULL OR d.tenant_id = ${filter.tenantId})
          AND (${filter.sinceId}::uuid IS NULL OR d.id >= ${filter.sinceId})
          AND (${filter.untilId}::uuid IS NULL OR d.id < ${filter.untilId})
          AND (${step.beforeId}::uuid IS NULL OR d.id < ${step.beforeId})
        ORDER BY d.id DESC LIMIT ${step.rows}
      ), found AS (
        SELECT l.id FROM scanned l
        WHERE (${filter.flowId}::text IS NULL OR l.flow_id = ${filter.flowId})
          AND (${filter.connector}::text IS NULL OR l.connector = ${filter.connector})
          AND (${filter.stage}::text IS NULL OR l.stage = ${filter.stage})
          AND (${filter.status}::text IS NULL OR l.status = ${filter.status})
          AND (${filter.fingerprint}::text IS NULL OR l.fingerprint = ${filter.fingerprint})
        ORDER BY l.id DESC LIMIT ${step.limit}
      )
      SELECT ${SCANNED_COLUMNS}`);
  return asScanned(row);
}

/** The dead letters with these ids, newest first, up to the payload that reaches `maxBytes`. */
async function loadDeadLetters(
  database: Queryable,
  ids: readonly string[],
  maxBytes: number,
): Promise<StoredDeadLetter[]> {
  const rows = await database.query(sql`SELECT * FROM (
        SELECT p.*,
          coalesce(sum(p.bytes) OVER (ORDER BY p.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
            AS bytes_before
        FROM (
          SELECT ${COLUMNS},
            coalesce(octet_length(d.event_payload), 0) + coalesce(octet_length(d.edited_payload), 0) AS bytes
          FROM dead_letters d WHERE d.id = ANY (${ids}::uuid[])
        ) p
      ) q WHERE bytes_before < ${maxBytes} ORDER BY id DESC`);
  return fromRows<StoredDeadLetter>(rows);
}

/** A dead letter of a tenant, if there is one. */
export async function findDeadLetter(
  database: Queryable,
  tenantId: string,
  id: string,
): Promise<StoredDeadLetter | undefined> {
  const [row] = await database.query(
    sql`SELECT ${COLUMNS} FROM dead_letters d WHERE d.tenant_id = ${tenantId} AND d.id = ${id}`,
  );
  return fromRow<StoredDeadLetter>(row);
}
