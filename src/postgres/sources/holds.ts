import type { Queryable } from "../core/database.ts";
import type { SourceName } from "./sources.ts";

/** Open holds are the first three; a source has at most one. */
export type HoldState = "pending" | "approved" | "rejected" | "lapsed" | "applied";

/** Deletions that were held back. */
export interface StoredHold {
  id: string;
  state: HoldState;
  count: number;
  /** How many would have gone through without a decision. */
  ceiling: number;
  tracked: number;
  /** Subjects of some of the records. */
  sample: string[];
  createdAt: Date;
  decidedAt: Date | undefined;
}

interface HoldRow {
  id: string;
  state: HoldState;
  count: number;
  ceiling: number;
  tracked: number;
  sample: string[];
  created_at: Date;
  decided_at: Date | null;
}

const COLUMNS = "id, state, count, ceiling, tracked, sample, created_at, decided_at";
const OPEN = "state IN ('pending', 'approved', 'rejected')";

/** The hold of a source that is open, decided or not. */
export async function findOpenHold(
  database: Queryable,
  { tenantId, source }: SourceName,
): Promise<StoredHold | undefined> {
  const [row] = await database.query<HoldRow>({
    text: `SELECT ${COLUMNS} FROM poll_holds WHERE tenant_id = $1 AND source = $2 AND ${OPEN}`,
    values: [tenantId, source],
  });
  return row === undefined ? undefined : asStoredHold(row);
}

/** A page of the holds of a source, the newest first. */
export async function listHolds(
  database: Queryable,
  { tenantId, source }: SourceName,
  page: { beforeId?: string | undefined; limit: number },
): Promise<StoredHold[]> {
  const rows = await database.query<HoldRow>({
    text: `SELECT ${COLUMNS} FROM poll_holds
      WHERE tenant_id = $1 AND source = $2 AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4`,
    values: [tenantId, source, page.beforeId ?? null, page.limit],
  });
  return rows.map(asStoredHold);
}

/** Opens a hold, or brings the open one up to date; answers its id. A decision made on fewer deletions is void. */
export async function holdDeletions(
  transaction: Queryable,
  { tenantId, source }: SourceName,
  hold: { count: number; ceiling: number; tracked: number; sample: readonly string[] },
): Promise<string> {
  const [row] = await transaction.query<{ id: string }>({
    text: `INSERT INTO poll_holds AS h (tenant_id, source, count, ceiling, tracked, sample)
      VALUES ($1, $2, $3, $4, $5, $6)
      ON CONFLICT (tenant_id, source) WHERE ${OPEN} DO UPDATE SET count = excluded.count,
        ceiling = excluded.ceiling, tracked = excluded.tracked, sample = excluded.sample,
        state = CASE WHEN h.state = 'rejected' AND excluded.count <= h.count THEN h.state ELSE 'pending' END
      RETURNING id`,
    values: [tenantId, source, hold.count, hold.ceiling, hold.tracked, hold.sample],
  });
  return row?.id as string;
}

/**
 * Ends the open hold after a complete poll that held nothing back: an approval was used, the others lapse. Answers
 * whether there was one.
 */
export async function settleHold(
  transaction: Queryable,
  { tenantId, source }: SourceName,
  deleted: number,
): Promise<boolean> {
  const rows = await transaction.query({
    name: "settle-hold",
    text: `UPDATE poll_holds SET state = CASE WHEN state = 'approved' AND $3::int > 0 THEN 'applied' ELSE 'lapsed' END
      WHERE tenant_id = $1 AND source = $2 AND ${OPEN} RETURNING 1`,
    values: [tenantId, source, deleted],
  });
  return rows.length > 0;
}

/** Decides on a hold that is open; undefined when there is none of this id. Deciding the same again is fine. */
export async function decideHold(
  transaction: Queryable,
  { tenantId, source }: SourceName,
  id: string,
  decision: "approved" | "rejected",
): Promise<StoredHold | undefined> {
  const [row] = await transaction.query<HoldRow>({
    text: `UPDATE poll_holds SET decided_at = CASE WHEN state = $4 THEN decided_at ELSE now() END, state = $4
      WHERE tenant_id = $1 AND source = $2 AND id = $3 AND ${OPEN} RETURNING ${COLUMNS}`,
    values: [tenantId, source, id, decision],
  });
  return row === undefined ? undefined : asStoredHold(row);
}

function asStoredHold(row: HoldRow): StoredHold {
  const { created_at: createdAt, decided_at: decidedAt, ...same } = row;
  return { ...same, createdAt, decidedAt: decidedAt ?? undefined };
}
