import { sql } from "./sql.ts";

/** How far one call looks for what a filter finds. */
export interface LookBounds {
  /** No further step begins after this time, ms. */
  maxMs: number;
  /** The time that one step should take, ms: the next one looks at as many rows as that allows. */
  stepMs: number;
  /** Rows that the first step looks at, and the most that one does. */
  firstRows: number;
  maxRows: number;
}

/** A filtered list stops after about a second, with what it has. */
const LOOK_BOUNDS: LookBounds = { maxMs: 800, stepMs: 100, firstRows: 1_000, maxRows: 50_000 };

/** What one step looks at: rows whose ids are below `beforeId`, the greatest first. */
export interface LookStep {
  beforeId: string | undefined;
  /** Rows that it looks at. */
  rows: number;
  /** Rows that it returns. */
  limit: number;
}

/** What one step found, and where it ended. */
export interface Looked<Row> {
  found: Row[];
  /** Rows that it looked at, and the last one's id. */
  rows: number;
  lastId: string | undefined;
}

/** The rows of a page, and what is behind them. */
export interface FoundRows<Row> {
  rows: Row[];
  /** True where there are others, or may be. */
  more: boolean;
  /** Where a list that stopped at its bound, with fewer rows than asked for, goes on: below this id. */
  lookedUntilId: string | undefined;
}

/**
 * Looks for at most `limit` rows in steps, newest first, and stops with what it has when a filter that finds little has
 * looked for long. A list without a filter needs one step: it finds each row that it looks at.
 */
export async function findRows<Row>(
  look: (step: LookStep) => Promise<Looked<Row>>,
  query: { beforeId: string | undefined; limit: number; filtered: boolean },
  {
    bounds = LOOK_BOUNDS,
    nowMs = () => performance.now(),
  }: { bounds?: LookBounds; nowMs?: () => number } = {},
): Promise<FoundRows<Row>> {
  const found: Row[] = [];
  const startMs = nowMs();
  let { beforeId } = query;
  let rows = query.filtered ? Math.max(bounds.firstRows, query.limit + 1) : query.limit + 1;
  for (;;) {
    const stepStartMs = nowMs();
    const looked = await look({ beforeId, rows, limit: query.limit + 1 - found.length });
    found.push(...looked.found);
    if (found.length > query.limit) {
      return { rows: found.slice(0, query.limit), more: true, lookedUntilId: undefined };
    }
    if (looked.rows < rows || looked.lastId === undefined) {
      return { rows: found, more: false, lookedUntilId: undefined };
    }
    beforeId = looked.lastId;
    const endMs = nowMs();
    if (endMs - startMs >= bounds.maxMs) return { rows: found, more: true, lookedUntilId: beforeId };
    const perMs = rows / Math.max(1, endMs - stepStartMs);
    rows = Math.min(bounds.maxRows, rows * 8, Math.max(bounds.firstRows, Math.ceil(perMs * bounds.stepMs)));
  }
}

/** What a step answers, of its tables `looked` and `found`. */
export const LOOKED_COLUMNS = sql`(SELECT count(*)::integer FROM looked) AS rows,
  (SELECT id FROM looked ORDER BY id LIMIT 1) AS last_id,
  ARRAY(SELECT id::text FROM found ORDER BY id DESC) AS found`;

export interface LookedRow {
  rows: number;
  last_id: string | null;
  found: string[];
}

export function asLooked(row: LookedRow | undefined): Looked<string> {
  return { found: row?.found ?? [], rows: row?.rows ?? 0, lastId: row?.last_id ?? undefined };
}
