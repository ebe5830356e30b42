import { sql } from "./sql.ts";

/** Bounds of one call's search for rows that match a filter. */
export interface ScanBounds {
  /** No further step starts after this time, ms. */
  maxMs: number;
  /** The target duration of a step, ms, from which the size of the next one follows. */
  stepMs: number;
  /** Rows that the first step scans, and the most that a step scans. */
  firstRows: number;
  maxRows: number;
}

/** A filtered list stops after about a second, with the rows found by then. */
const SCAN_BOUNDS: ScanBounds = { maxMs: 800, stepMs: 100, firstRows: 1_000, maxRows: 50_000 };

/** The range of one step: rows with ids below `beforeId`, the highest first. */
export interface ScanStep {
  beforeId: string | undefined;
  /** Rows that it scans. */
  rows: number;
  /** Rows that it returns. */
  limit: number;
}

/** The result of one step, and where it ended. */
export interface Scanned<Row> {
  found: Row[];
  /** The number of scanned rows, and the last one's id. */
  rows: number;
  lastId: string | undefined;
}

/** The rows of a page, and whether there are more. */
export interface FoundRows<Row> {
  rows: Row[];
  /** True if there are others, or may be. */
  more: boolean;
  /** If the list stopped at its bound with fewer rows than requested: the id below which it continues. */
  scannedUntilId: string | undefined;
}

/**
 * Searches at most `limit` rows in steps, newest first, and stops with the rows found when the search takes too long.
 * A list without a filter needs one step: every scanned row matches.
 */
export async function findRows<Row>(
  scan: (step: ScanStep) => Promise<Scanned<Row>>,
  query: { beforeId: string | undefined; limit: number; filtered: boolean },
  {
    bounds = SCAN_BOUNDS,
    nowMs = () => performance.now(),
  }: { bounds?: ScanBounds; nowMs?: () => number } = {},
): Promise<FoundRows<Row>> {
  const found: Row[] = [];
  const startMs = nowMs();
  let { beforeId } = query;
  let rows = query.filtered ? Math.max(bounds.firstRows, query.limit + 1) : query.limit + 1;
  for (;;) {
    const stepStartMs = nowMs();
    const scanned = await scan({ beforeId, rows, limit: query.limit + 1 - found.length });
    found.push(...scanned.found);
    if (found.length > query.limit) {
      return { rows: found.slice(0, query.limit), more: true, scannedUntilId: undefined };
    }
    if (scanned.rows < rows || scanned.lastId === undefined) {
      return { rows: found, more: false, scannedUntilId: undefined };
    }
    beforeId = scanned.lastId;
    const endMs = nowMs();
    if (endMs - startMs >= bounds.maxMs) return { rows: found, more: true, scannedUntilId: beforeId };
    const perMs = rows / Math.max(1, endMs - stepStartMs);
    rows = Math.min(bounds.maxRows, rows * 8, Math.max(bounds.firstRows, Math.ceil(perMs * bounds.stepMs)));
  }
}

/** The columns of a step's result, from its tables `scanned` and `found`. */
export const SCANNED_COLUMNS = sql`(SELECT count(*)::int FROM scanned) AS rows,
  (SELECT id FROM scanned ORDER BY id LIMIT 1) AS last_id,
  ARRAY(SELECT id::text FROM found ORDER BY id DESC) AS found`;

export interface ScannedRow {
  rows: number;
  last_id: string | null;
  found: string[];
}

export function asScanned(row: ScannedRow | undefined): Scanned<string> {
  return { found: row?.found ?? [], rows: row?.rows ?? 0, lastId: row?.last_id ?? undefined };
}
