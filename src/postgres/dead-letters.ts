import type { Queryable } from "./database.ts";

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

const COLUMNS = `d.id, d.tenant_id, d.connector, d.endpoint, d.event_id, d.event_type, d.flow_id, d.run_id, d.stage,
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

/** A page of dead letters, newest first. `more` says that there are others behind it. */
export async function listDeadLetters(
  database: Queryable,
  filter: DeadLetterFilter,
): Promise<{ deadLetters: StoredDeadLetter[]; more: boolean }> {
  const rows = await database.query<DeadLetterRow & { found: string }>({
    text: `SELECT * FROM (
        SELECT p.*, count(*) OVER () AS found,
          coalesce(sum(p.bytes) OVER (ORDER BY p.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
            AS bytes_before
        FROM (
          SELECT ${COLUMNS},
            coalesce(octet_length(d.event_payload), 0) + coalesce(octet_length(d.edited_payload), 0) AS bytes
          FROM dead_letters d
          WHERE ($1::text IS NULL OR d.tenant_id = $1) AND ($2::text IS NULL OR d.flow_id = $2)
            AND ($3::text IS NULL OR d.connector = $3) AND ($4::text IS NULL OR d.stage = $4)
            AND ($5::text IS NULL OR d.status = $5) AND ($6::text IS NULL OR d.fingerprint = $6)
            AND ($7::uuid IS NULL OR d.id >= $7) AND ($8::uuid IS NULL OR d.id < $8)
            AND ($9::uuid IS NULL OR d.id < $9)
          ORDER BY d.id DESC LIMIT $10
        ) p
      ) q WHERE bytes_before < $11 ORDER BY id DESC`,
    values: [
      filter.tenantId ?? null,
      filter.flowId ?? null,
      filter.connector ?? null,
      filter.stage ?? null,
      filter.status ?? null,
      filter.fingerprint ?? null,
      filter.sinceId ?? null,
      filter.untilId ?? null,
      filter.beforeId ?? null,
      filter.limit + 1,
      filter.maxBytes,
    ],
  });
  const deadLetters = rows.slice(0, filter.limit).map(asStoredDeadLetter);
  return { deadLetters, more: Number(rows[0]?.found ?? 0) > deadLetters.length };
}

/** A dead letter of a tenant, if there is one. */
export async function findDeadLetter(
  database: Queryable,
  tenantId: string,
  id: string,
): Promise<StoredDeadLetter | undefined> {
  const [row] = await database.query<DeadLetterRow>({
    text: `SELECT ${COLUMNS} FROM dead_letters d WHERE d.tenant_id = $1 AND d.id = $2`,
    values: [tenantId, id],
  });
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
