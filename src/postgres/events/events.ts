import type { SyntheticDetail } from "../../domain/event/event.ts";
import type { EventSource, Priority } from "../../domain/priority.ts";
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
import { prepared, type Sql, sql } from "../core/sql.ts";
import { isAmong } from "../schema/partitions.ts";

/** An event as it was accepted: the exact bytes and their context. */
export interface StoredEvent {
  id: string;
  tenantId: string;
  connector: string;
  endpoint: string;
  type: string | undefined;
  source: EventSource;
  priority: Priority;
  subject: string | undefined;
  occurredAtMs: number | undefined;
  receivedAtMs: number;
  deliveryKey: string;
  item: number;
  headers: Record<string, string>;
  contentType: string | undefined;
  /** The flows counter when it was accepted. */
  flowsCounter: number;
  payload: Buffer;
  /** Set for events that a poll found. */
  synthetic?: SyntheticDetail | undefined;
  /** When its data were erased: the payload is empty since. */
  erasedAt?: Date | undefined;
}

interface EventRow {
  id: string;
  tenant_id: string;
  connector: string;
  endpoint: string;
  type: string | null;
  source: EventSource;
  priority: Priority;
  subject: string | null;
  occurred_at: Date | null;
  received_at: Date;
  delivery_key: string;
  item: number;
  headers: Record<string, string>;
  content_type: string | null;
  flows_counter: string;
  payload: Buffer;
  synthetic: SyntheticDetail | null;
  erased_at: Date | null;
}

const COLUMNS_BUT_PAYLOAD = sql`e.id, e.tenant_id, e.connector, e.endpoint, e.type, e.source, e.priority, e.subject,
  e.occurred_at, e.received_at, e.delivery_key, e.item, e.headers, e.content_type, e.flows_counter, e.synthetic,
  e.erased_at`;
const COLUMNS = sql`${COLUMNS_BUT_PAYLOAD}, e.payload`;

/** Loads the events that exist among the ids, in no order. */
export async function loadEvents(database: Queryable, ids: readonly string[]): Promise<StoredEvent[]> {
  const rows = await database.query<EventRow & { large_bytes: number | null }>(
    prepared(
      "load-events",
      sql`SELECT ${COLUMNS_BUT_LARGE_PAYLOADS} FROM events e
      WHERE ${isAmong("e.id", ids, sql`${ids}::uuid[]`)}`,
    ),
  );
  const events: StoredEvent[] = [];
  for (const row of rows) {
    const payload =
      row.large_bytes === null ? row.payload : await loadPayload(database, row.id, row.large_bytes);
    events.push(asStoredEvent({ ...row, payload }));
  }
  return events;
}

/** Larger payloads are read in parts of this size: the driver blocks for some milliseconds to decode a part. */
const PART_BYTES = 1_048_576;

const COLUMNS_BUT_LARGE_PAYLOADS = sql`${COLUMNS_BUT_PAYLOAD},
  CASE WHEN octet_length(e.payload) <= ${sql.raw(`${PART_BYTES}`)} THEN e.payload ELSE '' END AS payload,
  nullif(greatest(octet_length(e.payload), ${sql.raw(`${PART_BYTES}`)}), ${sql.raw(`${PART_BYTES}`)}) AS large_bytes`;

async function loadPayload(database: Queryable, id: string, bytes: number): Promise<Buffer> {
  const payload = Buffer.allocUnsafe(bytes);
  for (let at = 0; at < bytes; at += PART_BYTES) {
    const [row] = await database.query<{ part: Buffer }>(
      prepared(
        "load-payload-part",
        sql`SELECT substring(payload FROM ${at + 1}::int FOR ${PART_BYTES}::int) AS part FROM events
          WHERE id = ${id}::uuid`,
      ),
    );
    row?.part.copy(payload, at);
  }
  return payload;
}

/**
 * Lists a page of a tenant's events after `afterId` that were accepted before the flows counter had this value, the
 * oldest first. It ends with the payload that reaches `maxBytes`; `more` says that there may be others after it.
 */
export async function listPastEvents(
  database: Queryable,
  page: { tenantId: string; afterId: string; acceptedBefore: number; limit: number; maxBytes: number },
): Promise<{ events: StoredEvent[]; more: boolean }> {
  const rows = await database.query<EventRow & { found: string }>(sql`SELECT * FROM (
        SELECT p.*, count(*) OVER () AS found,
          sum(octet_length(p.payload)) OVER (ORDER BY p.id) - octet_length(p.payload) AS bytes_before
        FROM (
          SELECT ${COLUMNS} FROM events e WHERE e.tenant_id = ${page.tenantId} AND e.id > ${page.afterId}
            AND e.flows_counter < ${page.acceptedBefore} AND e.erased_at IS NULL
          ORDER BY e.id LIMIT ${page.limit}
        ) p
      ) q WHERE bytes_before < ${page.maxBytes} ORDER BY id`);
  const found = Number(rows[0]?.found ?? 0);
  return { events: rows.map(asStoredEvent), more: found > rows.length || found === page.limit };
}

export const EVENT_STATUSES = ["accepted", "routed", "unmatched", "dead"] as const;
/** The status of an event in the API: accepted until it is routed. */
export type EventStatus = (typeof EVENT_STATUSES)[number];

export interface EventFilter {
  tenantId: string;
  connector: string | undefined;
  type: string | undefined;
  source: EventSource | undefined;
  status: EventStatus | undefined;
  priority: Priority | undefined;
  /** Part of the type or the subject, in any case. */
  contains: string | undefined;
  /** Bounds on the id from the requested times: since is inclusive, until is exclusive. */
  sinceId: string | undefined;
  untilId: string | undefined;
  /** Only ids below this one: where the previous page ended. */
  beforeId: string | undefined;
  limit: number;
  /** The page ends with the payload that reaches this size, bytes. */
  maxBytes: number;
}

export interface ListedEvent extends StoredEvent {
  status: EventStatus;
}

/** A page of a tenant's events, newest first. It ends at the payload that reaches `maxBytes`, or where it stopped. */
export async function listEvents(database: Queryable, filter: EventFilter): Promise<FoundRows<ListedEvent>> {
  const { connector, type, source, status, priority, contains } = filter;
  const filters = [connector, type, source, status, priority, contains];
  const { rows: ids, ...end } = await findRows((step) => scanEvents(database, filter, step), {
    beforeId: filter.beforeId,
    limit: filter.limit,
    filtered: filters.some((value) => value !== undefined),
  });
  const rows = ids.length === 0 ? [] : await loadListedEvents(database, filter, ids);
  if (rows.length < ids.length) return { rows, more: true, scannedUntilId: undefined };
  return { rows, ...end };
}

/** Scans the next events and returns the ids of those that match the filter. */
async function scanEvents(
  database: Queryable,
  filter: EventFilter,
  step: ScanStep,
): Promise<Scanned<string>> {
  const [row] = await database.query<ScannedRow>(sql`WITH scanned AS MATERIALIZED (
        SELECT e.id, e.connector, e.type, e.source, e.priority, e.subject FROM events e
        WHERE e.tenant_id = ${filter.tenantId}
          AND (${filter.sinceId}::uuid IS NULL OR e.id >= ${filter.sinceId})
          AND (${filter.untilId}::uuid IS NULL OR e.id < ${filter.untilId})
          AND (${step.beforeId}::uuid IS NULL OR e.id < ${step.beforeId})
        ORDER BY e.id DESC LIMIT ${step.rows}
      ), found AS (
        SELECT l.id FROM scanned l
        WHERE (${filter.connector}::text IS NULL OR l.connector = ${filter.connector})
          AND (${filter.type}::text IS NULL OR l.type = ${filter.type})
          AND (${filter.source}::text IS NULL OR l.source = ${filter.source})
          AND (${filter.priority}::smallint IS NULL OR l.priority = ${filter.priority})
          AND (${filter.contains}::text IS NULL
            OR position(lower(${filter.contains}::text) IN lower(concat(l.type, E'\\n', l.subject))) > 0)
          AND (${filter.status}::text IS NULL OR ${statusOf("l.id")} = ${filter.status})
        ORDER BY l.id DESC LIMIT ${step.limit}
      )
      SELECT ${SCANNED_COLUMNS}`);
  return asScanned(row);
}

/** The events with these ids, newest first, up to the payload that reaches `maxBytes`. */
async function loadListedEvents(
  database: Queryable,
  { tenantId, status, maxBytes }: EventFilter,
  ids: readonly string[],
): Promise<ListedEvent[]> {
  const rows = await database.query<EventRow & { status: EventStatus }>(sql`SELECT * FROM (
        SELECT ${COLUMNS}, ${statusOf("e.id")} AS status,
          sum(octet_length(e.payload)) OVER (ORDER BY e.id DESC) - octet_length(e.payload) AS bytes_before
        FROM events e
        WHERE e.tenant_id = ${tenantId} AND ${isAmong("e.id", ids)}
      ) q WHERE bytes_before < ${maxBytes} ORDER BY id DESC`);
  // An event may have been routed since it was found.
  return rows.map((row) => ({ ...asStoredEvent(row), status: status ?? row.status }));
}

/** The status of an event, by one index lookup a row, whatever the planner expects of the table. */
function statusOf(id: string): Sql {
  return sql`coalesce((SELECT v.status FROM verdicts v WHERE v.event_id = ${sql.raw(id)}), 'accepted')`;
}

export interface EventVerdict {
  status: EventStatus;
  routedAtMs: number | undefined;
}

/** One event of a tenant with its routing verdict. */
export async function findEvent(
  database: Queryable,
  tenantId: string,
  id: string,
): Promise<{ event: StoredEvent; verdict: EventVerdict } | undefined> {
  const [row] = await database.query<
    EventRow & { status: EventStatus; routed_at: Date | null }
  >(sql`SELECT ${COLUMNS}, coalesce(v.status, 'accepted') AS status, v.routed_at
      FROM events e LEFT JOIN verdicts v ON v.event_id = e.id
      WHERE e.tenant_id = ${tenantId} AND e.id = ${id}`);
  if (row === undefined) return undefined;
  return {
    event: asStoredEvent(row),
    verdict: {
      status: row.status,
      routedAtMs: row.routed_at?.getTime(),
    },
  };
}

function asStoredEvent(row: EventRow): StoredEvent {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    connector: row.connector,
    endpoint: row.endpoint,
    type: row.type ?? undefined,
    source: row.source,
    priority: row.priority,
    subject: row.subject ?? undefined,
    occurredAtMs: row.occurred_at?.getTime(),
    receivedAtMs: row.received_at.getTime(),
    deliveryKey: row.delivery_key,
    item: row.item,
    headers: row.headers,
    contentType: row.content_type ?? undefined,
    flowsCounter: Number(row.flows_counter),
    payload: row.payload,
    ...(row.synthetic !== null && { synthetic: row.synthetic }),
    ...(row.erased_at !== null && { erasedAt: row.erased_at }),
  };
}
