import type { Queryable } from "../core/database.ts";
import { sql } from "../core/sql.ts";
import { asStoredPoll, POLL_COLUMNS, type PollRow, type StoredPoll } from "./polls.ts";

/** The state of a source after its polls. */
export interface SourceSummary {
  /** Records tracked; undefined before the first poll that was complete. */
  records: number | undefined;
  /** Deletions that are held for a decision. */
  hold: { id: string; count: number; tracked: number; createdAt: Date } | undefined;
  /** The newest first. */
  polls: StoredPoll[];
}

/** Finds the summaries of some of a tenant's sources, each with at most `polls` of its newest polls. */
export async function findSourceSummaries(
  transaction: Queryable,
  tenantId: string,
  { sources, polls }: { sources: readonly string[]; polls: number },
): Promise<Map<string, SourceSummary>> {
  const rows = await transaction.query<{
    source: string;
    records: string | null;
    hold_id: string | null;
    count: number;
    tracked: number;
    created_at: Date;
  }>(sql`SELECT a.source, CASE WHEN s.baselined THEN s.records END AS records, h.id AS hold_id, h.count, h.tracked,
        h.created_at
      FROM unnest(${sources}::text[]) AS a (source)
        LEFT JOIN source_states s ON s.tenant_id = ${tenantId} AND s.source = a.source
        LEFT JOIN poll_holds h ON h.tenant_id = ${tenantId} AND h.source = a.source AND h.state = 'pending'`);
  const newest = await transaction.query<
    PollRow & { source: string }
  >(sql`SELECT a.source, p.* FROM unnest(${sources}::text[]) AS a (source), LATERAL (
        SELECT ${POLL_COLUMNS} FROM polls WHERE tenant_id = ${tenantId} AND source = a.source
          ORDER BY id DESC LIMIT ${polls}) AS p
      ORDER BY a.source, p.id DESC`);
  return new Map(
    rows.map(({ source, records, hold_id, count, tracked, created_at: createdAt }) => [
      source,
      {
        records: records === null ? undefined : Number(records),
        hold: hold_id === null ? undefined : { id: hold_id, count, tracked, createdAt },
        polls: newest.filter((poll) => poll.source === source).map(asStoredPoll),
      },
    ]),
  );
}
