import type { Queryable } from "../core/database.ts";
import { fromRow, fromRows } from "../core/rows.ts";
import { prepared, sql } from "../core/sql.ts";
import type { SourceName } from "./sources.ts";

/** Open holds are the first three; a source has at most one. */
export type HoldState = "pending" | "approved" | "rejected" | "lapsed" | "applied";

/** Deletions that are held until a decision. */
export interface StoredHold {
  id: string;
  state: HoldState;
  count: number;
  /** The number of deletions that need no decision. */
  ceiling: number;
  tracked: number;
  /** Subjects of some of the records. */
  sample: string[];
  createdAt: Date;
  decidedAt: Date | undefined;
}

const COLUMNS = sql`id, state, count, ceiling, tracked, sample, created_at, decided_at`;
const OPEN = sql`state IN ('pending', 'approved', 'rejected')`;

/** Finds the open hold of a source, decided or not. */
export async function findOpenHold(
  database: Queryable,
  { tenantId, source }: SourceName,
): Promise<StoredHold | undefined> {
  const [row] = await database.query(
    sql`SELECT ${COLUMNS} FROM poll_holds WHERE tenant_id = ${tenantId} AND source = ${source} AND ${OPEN}`,
  );
  return fromRow<StoredHold>(row);
}

/** A page of the holds of a source, the newest first. */
export async function listHolds(
  database: Queryable,
  { tenantId, source }: SourceName,
  page: { beforeId?: string | undefined; limit: number },
): Promise<StoredHold[]> {
  const rows = await database.query(sql`SELECT ${COLUMNS} FROM poll_holds
      WHERE tenant_id = ${tenantId} AND source = ${source}
        AND (${page.beforeId}::uuid IS NULL OR id < ${page.beforeId}) ORDER BY id DESC LIMIT ${page.limit}`);
  return fromRows<StoredHold>(rows);
}

/** Opens a hold or updates the open one; returns its id. More deletions than were decided on void the decision. */
export async function holdDeletions(
  transaction: Queryable,
  { tenantId, source }: SourceName,
  hold: { count: number; ceiling: number; tracked: number; sample: readonly string[] },
): Promise<string> {
  const [row] = await transaction.query<{
    id: string;
  }>(sql`INSERT INTO poll_holds AS h (tenant_id, source, count, ceiling, tracked, sample)
      VALUES (${tenantId}, ${source}, ${hold.count}, ${hold.ceiling}, ${hold.tracked}, ${hold.sample})
      ON CONFLICT (tenant_id, source) WHERE ${OPEN} DO UPDATE SET count = excluded.count,
        ceiling = excluded.ceiling, tracked = excluded.tracked, sample = excluded.sample,
        state = CASE WHEN h.state = 'rejected' AND excluded.count <= h.count THEN h.state ELSE 'pending' END
      RETURNING id`);
  return row?.id as string;
}

/**
 * Ends the open hold after a complete poll that held no deletions: an approval was applied, other holds lapse.
 * Returns whether there was one.
 */
export async function settleHold(
  transaction: Queryable,
  { tenantId, source }: SourceName,
  deleted: number,
): Promise<boolean> {
  const rows = await transaction.query(
    prepared(
      "settle-hold",
      sql`UPDATE poll_holds
      SET state = CASE WHEN state = 'approved' AND ${deleted}::int > 0 THEN 'applied' ELSE 'lapsed' END
      WHERE tenant_id = ${tenantId} AND source = ${source} AND ${OPEN} RETURNING 1`,
    ),
  );
  return rows.length > 0;
}

/** Decides on an open hold; undefined when there is none of this id. Repeating a decision is fine. */
export async function decideHold(
  transaction: Queryable,
  { tenantId, source }: SourceName,
  id: string,
  decision: "approved" | "rejected",
): Promise<StoredHold | undefined> {
  const [row] = await transaction.query(sql`UPDATE poll_holds SET state = ${decision},
        decided_at = CASE WHEN state = ${decision} THEN decided_at ELSE now() END
      WHERE tenant_id = ${tenantId} AND source = ${source} AND id = ${id} AND ${OPEN} RETURNING ${COLUMNS}`);
  return fromRow<StoredHold>(row);
}
