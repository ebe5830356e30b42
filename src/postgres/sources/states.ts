import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";
import type { SourceName } from "./sources.ts";

/** The number of polls in which each field changed, by JSON pointer. */
export interface FieldCountsState {
  polls: number;
  fields: Record<string, number>;
}

/** The state of a source between polls. Times are Unix ms. */
export interface SourceState {
  generation: number;
  hashVersion: string;
  /** Records tracked, without deleted ones. */
  records: number;
  baselined: boolean;
  access: string | undefined;
  lastCompleteAtMs: number | undefined;
  /** The newest modification time that the provider reported. */
  cursorMs: number | undefined;
  dictionary: Buffer | undefined;
  fieldCounts: FieldCountsState;
  /** The last webhook event that was considered; undefined before the first poll. */
  webhooksAfter: string | undefined;
  webhooksNoted: readonly string[];
}

/** The changes of digests in one commit. */
export interface StoredChanges {
  generation: number;
  reset: boolean;
  complete: boolean;
  entries: Buffer;
}

interface StateRow {
  generation: string;
  hash_version: string;
  records: string;
  baselined: boolean;
  access: string | null;
  last_complete_at: Date | null;
  cursor_at: Date | null;
  dictionary: Buffer | null;
  field_counts: FieldCountsState;
  webhooks_after: string | null;
  webhooks_noted: string[];
}

const COLUMNS = sql`generation, hash_version, records, baselined, access, last_complete_at, cursor_at, dictionary,
  field_counts, webhooks_after, webhooks_noted`;

/**
 * Starts a poll: sets its fence, inserts its row and marks abandoned polls of the source. Undefined when there was a
 * newer claim.
 */
export async function beginPoll(
  database: Queryable,
  poll: SourceName & { fence: number; pollId: string },
): Promise<SourceState | undefined> {
  const [row] = await database.query<StateRow>(
    prepared(
      "begin-poll",
      sql`WITH claimed AS (
        INSERT INTO source_states AS s (tenant_id, source, fence)
          VALUES (${poll.tenantId}, ${poll.source}, ${poll.fence})
        ON CONFLICT (tenant_id, source) DO UPDATE SET fence = excluded.fence WHERE s.fence <= excluded.fence
        RETURNING ${COLUMNS}
      ),
      given_up AS (
        UPDATE polls SET status = 'error', error_code = 'poll_abandoned', finished_at = now(),
          error_message = 'Its process ended, or was too slow, and the poll was taken over'
        WHERE tenant_id = ${poll.tenantId} AND source = ${poll.source} AND id <> ${poll.pollId}
          AND status = 'running' AND EXISTS (SELECT FROM claimed)
      ),
      begun AS (
        INSERT INTO polls (tenant_id, source, id) SELECT ${poll.tenantId}, ${poll.source}, ${poll.pollId}
          FROM claimed ON CONFLICT DO NOTHING
      )
      SELECT ${COLUMNS} FROM claimed`,
    ),
  );
  return row === undefined ? undefined : asSourceState(row);
}

/** Limits how long a process that is stopped within its commit blocks the source's next poll, ms. */
const MAX_PAUSE_MS = 5_000;

/** Replaces the state. False when there was a newer claim or commit: then the caller must write nothing. */
export async function commitState(
  transaction: Queryable,
  at: SourceName & { fence: number; generation: number },
  state: SourceState,
): Promise<boolean> {
  const rows = await transaction.query(
    prepared(
      "commit-source-state",
      sql`UPDATE source_states SET ${sql.assignments({
        generation: state.generation,
        hash_version: state.hashVersion,
        records: state.records,
        baselined: state.baselined,
        access: state.access,
        last_complete_at: sql`to_timestamp(${state.lastCompleteAtMs}::float8 / 1000)`,
        cursor_at: sql`to_timestamp(${state.cursorMs}::float8 / 1000)`,
        dictionary: state.dictionary,
        field_counts: JSON.stringify(state.fieldCounts),
        webhooks_after: state.webhooksAfter,
        webhooks_noted: state.webhooksNoted,
        updated_at: sql`now()`,
      })}
      WHERE tenant_id = ${at.tenantId} AND source = ${at.source} AND fence = ${at.fence}
        AND generation = ${at.generation}
      RETURNING set_config('idle_in_transaction_session_timeout', ${sql.literal(`${MAX_PAUSE_MS}`)}, true)`,
    ),
  );
  return rows.length > 0;
}

/** Stores the changes of a generation until Redis has them. */
export async function keepChanges(
  transaction: Queryable,
  { tenantId, source }: SourceName,
  changes: StoredChanges,
): Promise<void> {
  await transaction.query(
    prepared(
      "keep-source-changes",
      sql`INSERT INTO source_changes (tenant_id, source, generation, reset, complete, entries)
      VALUES (${tenantId}, ${source}, ${changes.generation}, ${changes.reset}, ${changes.complete},
        ${changes.entries})`,
    ),
  );
}

/** Lists the stored changes after a generation, the oldest first, at most `limit`. */
export async function listChanges(
  database: Queryable,
  { tenantId, source }: SourceName,
  page: { after: number; limit: number },
): Promise<StoredChanges[]> {
  const rows = await database.query<{
    generation: string;
    reset: boolean;
    complete: boolean;
    entries: Buffer;
  }>(
    prepared(
      "list-source-changes",
      sql`SELECT generation, reset, complete, entries FROM source_changes
      WHERE tenant_id = ${tenantId} AND source = ${source} AND generation > ${page.after}
      ORDER BY generation LIMIT ${page.limit}`,
    ),
  );
  return rows.map((row) => ({ ...row, generation: Number(row.generation) }));
}

/**
 * Finds the oldest generation with stored changes and the newest that resets the digests; undefined if none are
 * stored.
 */
export async function findChangesKept(
  database: Queryable,
  { tenantId, source }: SourceName,
): Promise<{ oldest: number; newestReset: number | undefined } | undefined> {
  const [row] = await database.query<{ oldest: string | null; newest_reset: string | null }>(
    prepared(
      "find-source-changes",
      sql`SELECT min(generation) AS oldest, max(generation) FILTER (WHERE reset) AS newest_reset
      FROM source_changes WHERE tenant_id = ${tenantId} AND source = ${source}`,
    ),
  );
  if (row === undefined || row.oldest === null) return undefined;
  return {
    oldest: Number(row.oldest),
    newestReset: row.newest_reset === null ? undefined : Number(row.newest_reset),
  };
}

/** Deletes the changes up to a generation, which Redis has. */
export async function dropChanges(
  database: Queryable,
  { tenantId, source }: SourceName,
  upTo: number,
): Promise<void> {
  await database.query(
    prepared(
      "drop-source-changes",
      sql`DELETE FROM source_changes WHERE tenant_id = ${tenantId} AND source = ${source} AND generation <= ${upTo}`,
    ),
  );
}

/** Deletes the state of a source except its digests in Redis, which expire. */
export async function deleteSourceState(
  transaction: Queryable,
  { tenantId, source }: SourceName,
): Promise<void> {
  for (const table of ["source_states", "source_changes", "record_values", "polls", "poll_holds"]) {
    await transaction.query(
      sql`DELETE FROM ${sql.raw(table)} WHERE tenant_id = ${tenantId} AND source = ${source}`,
    );
  }
}

function asSourceState(row: StateRow): SourceState {
  return {
    generation: Number(row.generation),
    hashVersion: row.hash_version,
    records: Number(row.records),
    baselined: row.baselined,
    access: row.access ?? undefined,
    lastCompleteAtMs: row.last_complete_at?.getTime(),
    cursorMs: row.cursor_at?.getTime(),
    dictionary: row.dictionary ?? undefined,
    fieldCounts: row.field_counts,
    webhooksAfter: row.webhooks_after ?? undefined,
    webhooksNoted: row.webhooks_noted,
  };
}
