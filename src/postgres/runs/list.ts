import type { Priority } from "../../domain/priority.ts";
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
import { type Sql, sql } from "../core/sql.ts";
import { isAmong, uuid7Floor, uuid7Ms } from "../schema/partitions.ts";

export const RUN_STATES = ["queued", "running", "succeeded", "failed", "dead", "cancelled"] as const;
/** Failed means: an attempt failed, and the next one is due. */
export type RunState = (typeof RUN_STATES)[number];

/** A run as the API shows it. */
export interface StoredRun {
  id: string;
  tenantId: string;
  flowId: string;
  flowVersion: number;
  eventId: string;
  /** 0 for the run that routing created; each replay counts up by one. */
  replaySeq: number;
  lane: Priority;
  state: RunState;
  /** When the next attempt of a failed run is due. */
  visibleAt: Date;
  /** Why a queued run is held until then. */
  heldReason: string | undefined;
  errorCode: string | undefined;
  errorMessage: string | undefined;
  createdAt: Date;
  startedAt: Date | undefined;
  finishedAt: Date | undefined;
  /** The attempts that ended, in order. */
  attempts: StoredAttempt[];
}

export interface StoredAttempt {
  /** Counts from 1. */
  attempt: number;
  outcome: "done" | "retry" | "dead" | "lost";
  errorCode: string | undefined;
  errorMessage: string | undefined;
  responseStatus: number | undefined;
  startedAt: Date;
  finishedAt: Date;
}

export interface RunFilter {
  tenantId: string;
  flowId: string | undefined;
  eventId: string | undefined;
  state: RunState | undefined;
  /** The lowest id, from the requested time. */
  sinceId: string | undefined;
  /** Only ids below this one: where the previous page ended. */
  beforeId: string | undefined;
  limit: number;
}

interface RunRow {
  id: string;
  tenant_id: string;
  flow_id: string;
  flow_version: number;
  event_id: string;
  replay_seq: number;
  lane: Priority;
  state: RunState;
  visible_at: Date;
  held_reason: string | null;
  error_code: string | null;
  error_message: string | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
}

const COLUMNS = sql`r.id, r.tenant_id, r.flow_id, r.flow_version, r.event_id, r.replay_seq, r.lane, r.state,
  r.visible_at, r.held_reason, r.error_code, r.error_message, r.created_at, r.started_at, r.finished_at`;

/** A page of a tenant's runs with their attempts, newest first. */
export async function listRuns(database: Queryable, filter: RunFilter): Promise<FoundRows<StoredRun>> {
  if (filter.eventId !== undefined) {
    const runs = await listRunsOfEvent(database, {
      ...filter,
      eventId: filter.eventId,
      limit: filter.limit + 1,
    });
    return { rows: runs.slice(0, filter.limit), more: runs.length > filter.limit, scannedUntilId: undefined };
  }
  const { rows: ids, ...end } = await findRows((step) => scanRuns(database, filter, step), {
    beforeId: filter.beforeId,
    limit: filter.limit,
    filtered: filter.flowId !== undefined || filter.state !== undefined,
  });
  const rows = ids.length === 0 ? [] : await loadRuns(database, filter.tenantId, ids);
  return { rows: await withAttempts(database, rows), ...end };
}

/** Scans the next runs and returns the ids of those that match the filter. */
async function scanRuns(database: Queryable, filter: RunFilter, step: ScanStep): Promise<Scanned<string>> {
  const [row] = await database.query<ScannedRow>(sql`WITH scanned AS MATERIALIZED (
        SELECT r.id, r.flow_id, r.state FROM runs r
        WHERE r.tenant_id = ${filter.tenantId} AND (${filter.sinceId}::uuid IS NULL OR r.id >= ${filter.sinceId})
          AND (${step.beforeId}::uuid IS NULL OR r.id < ${step.beforeId})
        ORDER BY r.id DESC LIMIT ${step.rows}
      ), found AS (
        SELECT l.id FROM scanned l WHERE (${filter.flowId}::text IS NULL OR l.flow_id = ${filter.flowId})
          AND (${filter.state}::text IS NULL OR l.state = ${filter.state})
        ORDER BY l.id DESC LIMIT ${step.limit}
      )
      SELECT ${SCANNED_COLUMNS}`);
  return asScanned(row);
}

async function loadRuns(database: Queryable, tenantId: string, ids: readonly string[]): Promise<RunRow[]> {
  return await database.query<RunRow>(sql`SELECT ${COLUMNS} FROM runs r
      WHERE r.tenant_id = ${tenantId} AND ${isAmong("r.id", ids)} ORDER BY r.id DESC`);
}

/** The runs of an event of a tenant with their attempts, newest first. */
export async function listRunsOfEvent(
  database: Queryable,
  filter: RunFilter & { eventId: string },
): Promise<StoredRun[]> {
  const { eventId } = filter;
  const rows = await database.query<RunRow>(sql`SELECT ${COLUMNS} FROM ${runsOfEvent(eventId)} r
      WHERE r.tenant_id = ${filter.tenantId} AND (${filter.flowId}::text IS NULL OR r.flow_id = ${filter.flowId})
        AND (${filter.state}::text IS NULL OR r.state = ${filter.state})
        AND (${filter.sinceId}::uuid IS NULL OR r.id >= ${filter.sinceId})
        AND (${filter.beforeId}::uuid IS NULL OR r.id < ${filter.beforeId})
      ORDER BY r.id DESC LIMIT ${filter.limit}`);
  return await withAttempts(database, rows);
}

/** The first run of an event by a flow has the event's millisecond in its id; a replay has its own, and an index. */
function runsOfEvent(eventId: string): Sql {
  const ms = uuid7Ms(eventId);
  return sql`(
  SELECT * FROM runs
  WHERE event_id = ${eventId} AND replay_seq = 0 AND id >= ${uuid7Floor(ms)}::uuid
    AND id < ${uuid7Floor(ms + 1)}::uuid
  UNION ALL SELECT * FROM runs WHERE event_id = ${eventId} AND replay_seq > 0)`;
}

/** A run of a tenant with its attempts, if there is one. */
export async function findRun(
  database: Queryable,
  tenantId: string,
  id: string,
): Promise<StoredRun | undefined> {
  const rows = await database.query<RunRow>(
    sql`SELECT ${COLUMNS} FROM runs r WHERE r.tenant_id = ${tenantId} AND r.id = ${id}`,
  );
  const [run] = await withAttempts(database, rows);
  return run;
}

async function withAttempts(database: Queryable, runs: readonly RunRow[]): Promise<StoredRun[]> {
  if (runs.length === 0) return [];
  const ids = runs.map((run) => run.id);
  const rows = await database.query<{
    run_id: string;
    attempt: number;
    outcome: StoredAttempt["outcome"];
    error_code: string | null;
    error_message: string | null;
    response_status: number | null;
    started_at: Date;
    finished_at: Date;
  }>(sql`SELECT run_id, attempt, outcome, error_code, error_message, response_status, started_at, finished_at
      FROM attempts WHERE ${isAmong("run_id", ids)}
      ORDER BY run_id, attempt`);
  const attempts = new Map<string, StoredAttempt[]>(ids.map((id) => [id, []]));
  for (const row of rows) {
    attempts.get(row.run_id)?.push({
      attempt: row.attempt,
      outcome: row.outcome,
      errorCode: row.error_code ?? undefined,
      errorMessage: row.error_message ?? undefined,
      responseStatus: row.response_status ?? undefined,
      startedAt: row.started_at,
      finishedAt: row.finished_at,
    });
  }
  return runs.map((run) => asStoredRun(run, attempts.get(run.id) ?? []));
}

function asStoredRun(row: RunRow, attempts: StoredAttempt[]): StoredRun {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    flowId: row.flow_id,
    flowVersion: row.flow_version,
    eventId: row.event_id,
    replaySeq: row.replay_seq,
    lane: row.lane,
    state: row.state,
    visibleAt: row.visible_at,
    heldReason: row.state === "queued" ? (row.held_reason ?? undefined) : undefined,
    errorCode: row.error_code ?? undefined,
    errorMessage: row.error_message ?? undefined,
    createdAt: row.created_at,
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
    attempts,
  };
}
