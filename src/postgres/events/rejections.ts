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

/** Rejected deliveries of one place and reason, as many as came in one moment. Nothing of them is kept but this. */
export interface NewRejection {
  /** Undefined where there is no such tenant, connector or endpoint. */
  tenantId: string | undefined;
  connector: string | undefined;
  endpoint: string | undefined;
  reason: string;
  /** Of the last one: its method, the size of its body, and who sent it. */
  method: string;
  bodyBytes: number;
  remoteAddress: string;
  count: number;
}

export interface StoredRejection extends NewRejection {
  id: string;
  rejectedAt: Date;
}

export async function insertRejections(
  database: Queryable,
  rejections: readonly NewRejection[],
): Promise<void> {
  await database.query({
    text: `INSERT INTO rejections (tenant_id, connector, endpoint, reason, method, body_bytes, remote_address, count)
      SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::int[])`,
    values: [
      rejections.map((rejection) => rejection.tenantId ?? null),
      rejections.map((rejection) => rejection.connector ?? null),
      rejections.map((rejection) => rejection.endpoint ?? null),
      rejections.map((rejection) => rejection.reason),
      rejections.map((rejection) => rejection.method),
      rejections.map((rejection) => rejection.bodyBytes),
      rejections.map((rejection) => rejection.remoteAddress),
      rejections.map((rejection) => rejection.count),
    ],
  });
}

export interface RejectionFilter {
  /** Undefined: of every tenant, and of none. */
  tenantId: string | undefined;
  connector: string | undefined;
  reason: string | undefined;
  /** Bounds on the id, from the times asked for: since is inclusive, until is not. */
  sinceId: string | undefined;
  untilId: string | undefined;
  /** Only ids below this one: where the previous page ended. */
  beforeId: string | undefined;
  limit: number;
}

/** A page of rejections, newest first. */
export async function listRejections(
  database: Queryable,
  filter: RejectionFilter,
): Promise<FoundRows<StoredRejection>> {
  const { rows: ids, ...end } = await findRows((step) => lookAtRejections(database, filter, step), {
    ...{ beforeId: filter.beforeId, limit: filter.limit },
    filtered: filter.connector !== undefined || filter.reason !== undefined,
  });
  return { rows: ids.length === 0 ? [] : await loadRejections(database, ids), ...end };
}

/** The ids of the rejections that a filter finds among the next ones. */
async function lookAtRejections(
  database: Queryable,
  filter: RejectionFilter,
  step: LookStep,
): Promise<Looked<string>> {
  const [row] = await database.query<LookedRow>({
    text: `WITH looked AS MATERIALIZED (
        SELECT r.id, r.connector, r.reason FROM rejections r
        WHERE ($1::text IS NULL OR r.tenant_id = $1)
          AND ($2::uuid IS NULL OR r.id >= $2) AND ($3::uuid IS NULL OR r.id < $3) AND ($4::uuid IS NULL OR r.id < $4)
        ORDER BY r.id DESC LIMIT $5
      ), found AS (
        SELECT l.id FROM looked l
        WHERE ($6::text IS NULL OR l.connector = $6) AND ($7::text IS NULL OR l.reason = $7)
        ORDER BY l.id DESC LIMIT $8
      )
      SELECT ${LOOKED_COLUMNS}`,
    values: [
      filter.tenantId ?? null,
      filter.sinceId ?? null,
      filter.untilId ?? null,
      step.beforeId ?? null,
      step.rows,
      filter.connector ?? null,
      filter.reason ?? null,
      step.limit,
    ],
  });
  return asLooked(row);
}

async function loadRejections(database: Queryable, ids: readonly string[]): Promise<StoredRejection[]> {
  const rows = await database.query<{
    id: string;
    tenant_id: string | null;
    connector: string | null;
    endpoint: string | null;
    reason: string;
    method: string;
    body_bytes: number;
    remote_address: string;
    count: number;
    rejected_at: Date;
  }>({
    text: "SELECT * FROM rejections WHERE id = ANY ($1::uuid[]) ORDER BY id DESC",
    values: [ids],
  });
  return rows.map((row) => ({
    id: row.id,
    tenantId: row.tenant_id ?? undefined,
    connector: row.connector ?? undefined,
    endpoint: row.endpoint ?? undefined,
    reason: row.reason,
    method: row.method,
    bodyBytes: row.body_bytes,
    remoteAddress: row.remote_address,
    count: row.count,
    rejectedAt: row.rejected_at,
  }));
}

/**
 * Deletes rejections older than `maxAgeMs`, and the oldest beyond `maxRows`: at most `limit` in one statement. Answers
 * how many.
 */
export async function deleteOldRejections(
  database: Queryable,
  { maxAgeMs, maxRows, limit }: { maxAgeMs: number; maxRows: number; limit: number },
): Promise<number> {
  const rows = await database.query({
    text: `DELETE FROM rejections WHERE id IN (
      SELECT id FROM rejections
      WHERE rejected_at < now() - $1::bigint * interval '1 millisecond'
        OR id <= (SELECT id FROM rejections ORDER BY id DESC OFFSET $2 LIMIT 1)
      ORDER BY id LIMIT $3) RETURNING 1`,
    values: [maxAgeMs, maxRows, limit],
  });
  return rows.length;
}
