import type { Queryable } from "../core/database.ts";
import type { SourceName } from "./sources.ts";

/** In how many polls each field changed, by JSON pointer. */
export interface FieldCountsState {
  polls: number;
  fields: Record<string, number>;
}

/** What the polls of a source have come to. Times are Unix ms. */
export interface SourceState {
  generation: number;
  hashVersion: string;
  /** Records tracked, without deleted ones. */
  records: number;
  baselined: boolean;
  access: string | undefined;
  lastCompleteAtMs: number | undefined;
  /** The newest time of change that the provider told of. */
  cursorMs: number | undefined;
  dictionary: Buffer | undefined;
  fieldCounts: FieldCountsState;
  /** The last webhook event that was taken note of; undefined before the first poll. */
  webhooksAfter: string | undefined;
  webhooksNoted: readonly string[];
}

/** Changes of digests as one commit made them. */
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

const COLUMNS = `generation, hash_version, records, baselined, access, last_complete_at, cursor_at, dictionary,
  field_counts, webhooks_after, webhooks_noted`;

/**
 * Begins a poll: its fence holds from now on, its row is there, and polls that were given up say so. Undefined when
 * there was a newer claim.
 */
export async function beginPoll(
  database: Queryable,
  poll: SourceName & { fence: number; pollId: string },
): Promise<SourceState | undefined> {
  const [row] = await database.query<StateRow>({
    name: "begin-poll",
    text: `WITH claimed AS (
        INSERT INTO source_states AS s (tenant_id, source, fence) VALUES ($1, $2, $3)
        ON CONFLICT (tenant_id, source) DO UPDATE SET fence = excluded.fence WHERE s.fence <= excluded.fence
        RETURNING ${COLUMNS}
      ),
      given_up AS (
        UPDATE polls SET status = 'error', error_code = 'poll_abandoned', finished_at = now(),
          error_message = 'Its process ended, or was too slow, and the poll was taken over'
        WHERE tenant_id = $1 AND source = $2 AND id <> $4 AND status = 'running' AND EXISTS (SELECT FROM claimed)
      ),
      begun AS (
        INSERT INTO polls (tenant_id, source, id) SELECT $1, $2, $4 FROM claimed ON CONFLICT DO NOTHING
      )
      SELECT ${COLUMNS} FROM claimed`,
    values: [poll.tenantId, poll.source, poll.fence, poll.pollId],
  });
  return row === undefined ? undefined : asSourceState(row);
}

/** A process that is stopped within its commit keeps the source from the next one no longer. */
const MAX_PAUSE_MS = 5_000;

/** Replaces the state. False when there was a newer claim or commit: then nothing is to be written. */
export async function commitState(
  transaction: Queryable,
  at: SourceName & { fence: number; generation: number },
  state: SourceState,
): Promise<boolean> {
  const rows = await transaction.query({
    name: "commit-source-state",
    text: `UPDATE source_states SET generation = $5, hash_version = $6, records = $7, baselined = $8, access = $9,
        last_complete_at = to_timestamp($10::float8 / 1000), cursor_at = to_timestamp($11::float8 / 1000),
        dictionary = $12, field_counts = $13, webhooks_after = $14, webhooks_noted = $15, updated_at = now()
      WHERE tenant_id = $1 AND source = $2 AND fence = $3 AND generation = $4
      RETURNING set_config('idle_in_transaction_session_timeout', '${MAX_PAUSE_MS}', true)`,
    values: [
      at.tenantId,
      at.source,
      at.fence,
      at.generation,
      state.generation,
      state.hashVersion,
      state.records,
      state.baselined,
      state.access ?? null,
      state.lastCompleteAtMs ?? null,
      state.cursorMs ?? null,
      state.dictionary ?? null,
      JSON.stringify(state.fieldCounts),
      state.webhooksAfter ?? null,
      state.webhooksNoted,
    ],
  });
  return rows.length > 0;
}

/** Keeps what a generation changed, until it is in Redis. */
export async function keepChanges(
  transaction: Queryable,
  { tenantId, source }: SourceName,
  changes: StoredChanges,
): Promise<void> {
  await transaction.query({
    name: "keep-source-changes",
    text: `INSERT INTO source_changes (tenant_id, source, generation, reset, complete, entries)
      VALUES ($1, $2, $3, $4, $5, $6)`,
    values: [tenantId, source, changes.generation, changes.reset, changes.complete, changes.entries],
  });
}

/** The changes after a generation that are kept, the oldest first, at most `limit`. */
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
  }>({
    name: "list-source-changes",
    text: `SELECT generation, reset, complete, entries FROM source_changes
      WHERE tenant_id = $1 AND source = $2 AND generation > $3 ORDER BY generation LIMIT $4`,
    values: [tenantId, source, page.after, page.limit],
  });
  return rows.map((row) => ({ ...row, generation: Number(row.generation) }));
}

/** The newest generation whose changes begin anew, and the oldest of which any are kept; undefined for none. */
export async function findChangesKept(
  database: Queryable,
  { tenantId, source }: SourceName,
): Promise<{ oldest: number; newestReset: number | undefined } | undefined> {
  const [row] = await database.query<{ oldest: string | null; newest_reset: string | null }>({
    name: "find-source-changes",
    text: `SELECT min(generation) AS oldest, max(generation) FILTER (WHERE reset) AS newest_reset
      FROM source_changes WHERE tenant_id = $1 AND source = $2`,
    values: [tenantId, source],
  });
  if (row === undefined || row.oldest === null) return undefined;
  return {
    oldest: Number(row.oldest),
    newestReset: row.newest_reset === null ? undefined : Number(row.newest_reset),
  };
}

/** Drops the changes up to a generation: they are in Redis. */
export async function dropChanges(
  database: Queryable,
  { tenantId, source }: SourceName,
  upTo: number,
): Promise<void> {
  await database.query({
    name: "drop-source-changes",
    text: "DELETE FROM source_changes WHERE tenant_id = $1 AND source = $2 AND generation <= $3",
    values: [tenantId, source, upTo],
  });
}

/** Deletes all that polls have left of a source but its digests, which end with their time. */
export async function deleteSourceState(
  transaction: Queryable,
  { tenantId, source }: SourceName,
): Promise<void> {
  for (const table of ["source_states", "source_changes", "record_values", "polls", "poll_holds"]) {
    await transaction.query({
      text: `DELETE FROM ${table} WHERE tenant_id = $1 AND source = $2`,
      values: [tenantId, source],
    });
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
