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
import { rowInput } from "../core/row-input.ts";
import { fromRows } from "../core/rows.ts";
import { sql } from "../core/sql.ts";

/** Rejected deliveries to one endpoint with one reason within a short time. Nothing else of them is stored. */
export interface NewRejection {
  /** Undefined where there is no such tenant, connector or endpoint. */
  tenantId: string | undefined;
  connector: string | undefined;
  endpoint: string | undefined;
  reason: string;
  /** Method, body size and sender of the last one. */
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
  await database.query(sql`INSERT INTO rejections (tenant_id, connector, endpoint, reason, method, body_bytes,
    remote_address, count)
      SELECT * FROM ${rejectionRows(rejections).from("r")}`);
}

const rejectionRows = rowInput<NewRejection>([
  ["tenant_id", "text", (rejection) => rejection.tenantId],
  ["connector", "text", (rejection) => rejection.connector],
  ["endpoint", "text", (rejection) => rejection.endpoint],
  ["reason", "text", (rejection) => rejection.reason],
  ["method", "text", (rejection) => rejection.method],
  ["body_bytes", "int", (rejection) => rejection.bodyBytes],
  ["remote_address", "text", (rejection) => rejection.remoteAddress],
  ["count", "int", (rejection) => rejection.count],
]);

export interface RejectionFilter {
  /** Undefined: rejections of every tenant, and those without one. */
  tenantId: string | undefined;
  connector: string | undefined;
  reason: string | undefined;
  /** Bounds on the id from the requested times: since is inclusive, until is exclusive. */
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
  const { rows: ids, ...end } = await findRows((step) => scanRejections(database, filter, step), {
    beforeId: filter.beforeId,
    limit: filter.limit,
    filtered: filter.connector !== undefined || filter.reason !== undefined,
  });
  return { rows: ids.length === 0 ? [] : await loadRejections(database, ids), ...end };
}

/** Scans the next rejections and returns the ids of those that match the filter. */
async function scanRejections(
  database: Queryable,
  filter: RejectionFilter,
  step: ScanStep,
): Promise<Scanned<string>> {
  const [row] = await database.query<ScannedRow>(sql`WITH scanned AS MATERIALIZED (
        SELECT r.id, r.connector, r.reason FROM rejections r
        WHERE (${filter.tenantId}::text IS NULL OR r.tenant_id = ${filter.tenantId})
          AND (${filter.sinceId}::uuid IS NULL OR r.id >= ${filter.sinceId})
          AND (${filter.untilId}::uuid IS NULL OR r.id < ${filter.untilId})
          AND (${step.beforeId}::uuid IS NULL OR r.id < ${step.beforeId})
        ORDER BY r.id DESC LIMIT ${step.rows}
      ), found AS (
        SELECT l.id FROM scanned l
        WHERE (${filter.connector}::text IS NULL OR l.connector = ${filter.connector})
          AND (${filter.reason}::text IS NULL OR l.reason = ${filter.reason})
        ORDER BY l.id DESC LIMIT ${step.limit}
      )
      SELECT ${SCANNED_COLUMNS}`);
  return asScanned(row);
}

async function loadRejections(database: Queryable, ids: readonly string[]): Promise<StoredRejection[]> {
  const rows = await database.query(
    sql`SELECT * FROM rejections WHERE id = ANY (${ids}::uuid[]) ORDER BY id DESC`,
  );
  return fromRows<StoredRejection>(rows);
}

/** Deletes rejections older than `maxAgeMs`, and the oldest beyond `maxRows`, at most `limit`; returns how many. */
export async function deleteOldRejections(
  database: Queryable,
  { maxAgeMs, maxRows, limit }: { maxAgeMs: number; maxRows: number; limit: number },
): Promise<number> {
  const rows = await database.query(sql`DELETE FROM rejections WHERE id IN (
      SELECT id FROM rejections
      WHERE rejected_at < now() - ${maxAgeMs}::bigint * interval '1 millisecond'
        OR id <= (SELECT id FROM rejections ORDER BY id DESC OFFSET ${maxRows} LIMIT 1)
      ORDER BY id LIMIT ${limit}) RETURNING 1`);
  return rows.length;
}
