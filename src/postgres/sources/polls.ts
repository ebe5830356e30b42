import type { Queryable } from "../core/database.ts";
import { prepared, type Sql, sql } from "../core/sql.ts";
import type { SourceName } from "./sources.ts";

export const POLL_STATUSES = ["running", "ok", "degraded", "held", "rate_limited", "error"] as const;
export type PollStatus = (typeof POLL_STATUSES)[number];

/** Suggestions for the source's configuration. Fields are JSON pointers. */
export interface PollSuggestions {
  /** New in most records of this poll: the provider changed its schema. */
  new_fields?: string[];
  /** Change in nearly every poll: likely to belong on the ignore list. */
  ignore?: string[];
}

/** A stored poll. Times are Unix ms. */
export interface StoredPoll {
  id: string;
  status: PollStatus;
  complete: boolean;
  first: boolean;
  records: number;
  created: number;
  updated: number;
  deleted: number;
  restored: number;
  missedByWebhook: number;
  pages: number;
  unchangedPages: number;
  requests: number;
  held: { id: string; count: number } | undefined;
  error: { code: string; message: string } | undefined;
  suggestions: PollSuggestions | undefined;
  notBeforeMs: number | undefined;
  rateLimit: { limit: number; remaining: number; resetS: number } | undefined;
  startedAtMs: number;
  finishedAtMs: number | undefined;
}

export interface PollRow {
  id: string;
  status: PollStatus;
  complete: boolean;
  first: boolean;
  records: number;
  created: number;
  updated: number;
  deleted: number;
  restored: number;
  missed_by_webhook: number;
  pages: number;
  unchanged_pages: number;
  requests: number;
  hold_id: string | null;
  held_count: number | null;
  error_code: string | null;
  error_message: string | null;
  suggestions: PollSuggestions | null;
  not_before: Date | null;
  rate_limit: StoredPoll["rateLimit"] | null;
  started_at: Date;
  finished_at: Date | null;
}

const POLL_COLUMN_NAMES = `id, status, complete, first, records, created, updated, deleted, restored,
  missed_by_webhook, pages, unchanged_pages, requests, hold_id, held_count, error_code, error_message, suggestions,
  not_before, rate_limit, started_at, finished_at`;

export const POLL_COLUMNS = sql.raw(POLL_COLUMN_NAMES);
const EXCLUDED_COLUMNS = sql.raw(POLL_COLUMN_NAMES.replace(/\w+/g, "excluded.$&"));

/** Stores the result of a poll, and deletes all but the newest `keep` of its source. */
export async function finishPoll(
  transaction: Queryable,
  { tenantId, source }: SourceName,
  poll: StoredPoll,
  keep: number,
): Promise<void> {
  await transaction.query(
    prepared(
      "finish-poll",
      sql`WITH old AS (
        DELETE FROM polls WHERE tenant_id = ${tenantId} AND source = ${source} AND id < (
          SELECT id FROM polls WHERE tenant_id = ${tenantId} AND source = ${source}
            ORDER BY id DESC OFFSET ${keep - 1} LIMIT 1)
      )
      INSERT INTO polls ${sql.row({ tenant_id: tenantId, source, ...columnsOf(poll) })}
      ON CONFLICT (tenant_id, source, id) DO UPDATE SET (${POLL_COLUMNS}) = ROW (${EXCLUDED_COLUMNS})`,
    ),
  );
}

function columnsOf(poll: StoredPoll): Record<string, unknown> {
  return {
    id: poll.id,
    status: poll.status,
    complete: poll.complete,
    first: poll.first,
    records: poll.records,
    created: poll.created,
    updated: poll.updated,
    deleted: poll.deleted,
    restored: poll.restored,
    missed_by_webhook: poll.missedByWebhook,
    pages: poll.pages,
    unchanged_pages: poll.unchangedPages,
    requests: poll.requests,
    hold_id: poll.held?.id,
    held_count: poll.held?.count,
    error_code: poll.error?.code,
    error_message: poll.error?.message,
    suggestions: poll.suggestions,
    not_before: timeOf(poll.notBeforeMs),
    rate_limit: poll.rateLimit,
    started_at: timeOf(poll.startedAtMs),
    finished_at: timeOf(poll.finishedAtMs),
  };
}

function timeOf(ms: number | undefined): Sql {
  return sql`to_timestamp(${ms}::float8 / 1000)`;
}

export async function findPoll(
  database: Queryable,
  { tenantId, source }: SourceName,
  id: string,
): Promise<StoredPoll | undefined> {
  const [row] = await database.query<PollRow>(
    sql`SELECT ${POLL_COLUMNS} FROM polls WHERE tenant_id = ${tenantId} AND source = ${source} AND id = ${id}`,
  );
  return row === undefined ? undefined : asStoredPoll(row);
}

export function asStoredPoll(row: PollRow): StoredPoll {
  return {
    id: row.id,
    status: row.status,
    complete: row.complete,
    first: row.first,
    records: row.records,
    created: row.created,
    updated: row.updated,
    deleted: row.deleted,
    restored: row.restored,
    missedByWebhook: row.missed_by_webhook,
    pages: row.pages,
    unchangedPages: row.unchanged_pages,
    requests: row.requests,
    held: row.hold_id === null ? undefined : { id: row.hold_id, count: row.held_count ?? 0 },
    error: row.error_code === null ? undefined : { code: row.error_code, message: row.error_message ?? "" },
    suggestions: row.suggestions ?? undefined,
    notBeforeMs: row.not_before?.getTime(),
    rateLimit: row.rate_limit ?? undefined,
    startedAtMs: row.started_at.getTime(),
    finishedAtMs: row.finished_at?.getTime(),
  };
}
