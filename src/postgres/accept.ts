import { HeadraceError } from "../domain/errors.ts";
import type { EventSource, Priority } from "../domain/priority.ts";
import { numberArray, textArray } from "./array-literal.ts";
import type { Queryable } from "./database.ts";

/** An event that is about to be written, with everything that the later stages will read of it. */
export interface NewEvent {
  tenantId: string;
  connector: string;
  endpoint: string;
  type: string | undefined;
  source: EventSource;
  priority: Priority;
  subject?: string | undefined;
  occurredAtMs?: number | undefined;
  /** What makes it the same event when it comes again; goes into its idempotency key. */
  deliveryKey: string;
  /** Its place in a delivery that holds several events. */
  item: number;
  headers: Record<string, string>;
  contentType: string | undefined;
  payload: Buffer;
  /** The keys of which any makes it a duplicate, and how long each counts. None: it is always new. */
  keys: readonly { key: string; windowMs: number }[];
}

export interface AcceptedEvent {
  eventId: string;
  /** True when the event was committed earlier; `eventId` is then the first one's. */
  duplicate: boolean;
}

export type AcceptResult =
  | { kind: "accepted"; events: AcceptedEvent[] }
  /** What the caller verified with has changed: nothing was written, and it verifies again. */
  | { kind: "stale"; counter: number };

/**
 * Writes a batch of events, their keys and their outbox rows in one transaction, and answers when it is committed.
 * Events that are duplicates of one another, or of one committed earlier, are written once and answer the first
 * one's id. With `expectedCounter` nothing is written unless the receive counter still has that value. With `leaseMs`
 * the outbox rows are claimed from the start, for that long, by the caller, who publishes them.
 */
export async function acceptEvents(
  database: Queryable,
  events: readonly NewEvent[],
  { expectedCounter, leaseMs = 0 }: { expectedCounter?: number | undefined; leaseMs?: number } = {},
): Promise<AcceptResult> {
  const { firsts, aliasOf } = foldDuplicates(events);
  const { counter, rows } = await insertEvents(database, firsts, { expectedCounter, leaseMs });
  if (expectedCounter !== undefined && counter !== expectedCounter) return { kind: "stale", counter };
  const losers = rows.filter((row) => !row.won);
  const firstIds = losers.length === 0 ? new Map() : await readFirstIds(database, firsts, losers);
  const accepted = rows.map((row): AcceptedEvent => {
    if (row.won) return { eventId: row.event_id, duplicate: false };
    const eventId = firstIds.get(row.ordinal);
    // The key ended between two statements: the sender's next try is a new event.
    if (eventId === undefined)
      throw new HeadraceError("store_unavailable", "A duplicate's key expired while it was read");
    return { eventId, duplicate: true };
  });
  return {
    kind: "accepted",
    events: aliasOf.map((first, index) => {
      const own = accepted[first.index] as AcceptedEvent;
      return first.by === index ? own : { eventId: own.eventId, duplicate: true };
    }),
  };
}

/**
 * Events of one batch that share a key become one, which is known by the keys of all; `aliasOf[i]` names the place
 * among `firsts` of event i.
 */
function foldDuplicates(events: readonly NewEvent[]) {
  const firsts: NewEvent[] = [];
  const seen = new Map<string, { index: number; by: number }>();
  const aliasOf = events.map((event, by) => {
    const names = event.keys.map(
      ({ key }) => `${event.tenantId}\n${event.connector}\n${event.endpoint}\n${key}`,
    );
    const earlier = names.map((name) => seen.get(name)).find((found) => found !== undefined);
    if (earlier !== undefined) {
      const first = firsts[earlier.index] as NewEvent;
      const others = event.keys.filter((_key, index) => !seen.has(names[index] as string));
      if (others.length > 0) firsts[earlier.index] = { ...first, keys: [...first.keys, ...others] };
      for (const name of names) if (!seen.has(name)) seen.set(name, earlier);
      return earlier;
    }
    const place = { index: firsts.push(event) - 1, by };
    for (const name of names) seen.set(name, place);
    return place;
  });
  return { firsts, aliasOf };
}

interface InsertedRow {
  ordinal: number;
  event_id: string;
  won: boolean;
}

async function insertEvents(
  database: Queryable,
  events: readonly NewEvent[],
  { expectedCounter, leaseMs }: { expectedCounter: number | undefined; leaseMs: number },
): Promise<{ counter: number; rows: InsertedRow[] }> {
  const headers = events.map((event) => Buffer.from(JSON.stringify(event.headers)));
  const keys = events.flatMap((event) => event.keys);
  const rows = await database.query<{
    counter: string;
    ordinal: number | null;
    event_id: string;
    won: boolean;
  }>({
    name: "accept-events",
    text: INSERT_EVENTS,
    values: [
      expectedCounter ?? null,
      // Payloads and headers travel as one binary parameter: an array of them would be escaped byte by byte.
      Buffer.concat(events.flatMap((event, index) => [event.payload, headers[index] as Buffer])),
      numberArray(events.map((event) => event.payload.length)),
      numberArray(headers.map((bytes) => bytes.length)),
      textArray(events.map((event) => event.tenantId)),
      textArray(events.map((event) => event.connector)),
      textArray(events.map((event) => event.endpoint)),
      textArray(events.map((event) => event.type)),
      textArray(events.map((event) => event.source)),
      numberArray(events.map((event) => event.priority)),
      textArray(events.map((event) => event.subject)),
      numberArray(events.map((event) => event.occurredAtMs)),
      textArray(events.map((event) => event.deliveryKey)),
      numberArray(events.map((event) => event.item)),
      textArray(events.map((event) => event.contentType)),
      numberArray(events.map((event) => event.keys.length)),
      numberArray(events.flatMap((event, index) => event.keys.map(() => index + 1))),
      textArray(keys.map((key) => key.key)),
      numberArray(keys.map((key) => key.windowMs)),
      leaseMs,
    ],
  });
  return {
    counter: Number(rows[0]?.counter),
    rows: rows.filter((row): row is InsertedRow & { counter: string } => row.ordinal !== null),
  };
}

// A key row is inserted, or taken over when its time has ended, in sorted order, so that two batches with the same
// keys wait for one another and never deadlock. An event whose every key was won is new. Ids come from this
// server's clock, one microsecond apart in the order of the batch.
const INSERT_EVENTS = `
WITH counter AS (SELECT value FROM change_counters WHERE name = 'receive'),
flows AS (SELECT value FROM change_counters WHERE name = 'flows'),
clock AS MATERIALIZED (SELECT clock_us() AS us),
input AS MATERIALIZED (
  SELECT uuid7(clock.us + u.ordinal) AS event_id, u.*,
    (sum(u.size + u.headers_size) OVER (ORDER BY u.ordinal) - u.size - u.headers_size)::int AS start
  FROM unnest($3::int[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::smallint[],
      $11::text[], $12::bigint[], $13::text[], $14::int[], $15::text[], $16::int[])
    WITH ORDINALITY AS u (size, headers_size, tenant_id, connector, endpoint, type, source, priority, subject,
      occurred_at_ms, delivery_key, item, content_type, key_count, ordinal), clock
  WHERE $1::bigint IS NULL OR $1 = (SELECT value FROM counter)
),
won_keys AS (
  INSERT INTO event_keys AS held (tenant_id, connector, endpoint, key, event_id, expires_at)
  SELECT i.tenant_id, i.connector, i.endpoint, k.key, i.event_id, now() + k.window_ms * interval '1 millisecond'
  FROM unnest($17::bigint[], $18::text[], $19::bigint[]) AS k (ordinal, key, window_ms) JOIN input i USING (ordinal)
  ORDER BY i.tenant_id, i.connector, i.endpoint, k.key
  ON CONFLICT (tenant_id, connector, endpoint, key) DO UPDATE
    SET event_id = excluded.event_id, expires_at = excluded.expires_at WHERE held.expires_at <= now()
  RETURNING held.event_id
),
winners AS (
  SELECT i.* FROM input i LEFT JOIN (SELECT event_id, count(*) AS won FROM won_keys GROUP BY event_id) k USING (event_id)
  WHERE coalesce(k.won, 0) = i.key_count
),
written AS (
  INSERT INTO events (id, tenant_id, connector, endpoint, type, source, priority, subject, occurred_at, received_at,
    delivery_key, item, headers, content_type, flows_counter, payload)
  SELECT w.event_id, w.tenant_id, w.connector, w.endpoint, w.type, w.source, w.priority, w.subject,
    to_timestamp(w.occurred_at_ms / 1000.0), to_timestamp(clock.us / 1000000.0), w.delivery_key, w.item,
    convert_from(substring($2::bytea FROM w.start + w.size + 1 FOR w.headers_size), 'UTF8')::json, w.content_type,
    flows.value, substring($2::bytea FROM w.start + 1 FOR w.size)
  FROM winners w, clock, flows
),
queued AS (
  INSERT INTO outbox (event_id, tenant_id, lane, visible_at, attempts)
  SELECT event_id, tenant_id, priority, now() + $20::int * interval '1 millisecond', least($20::int, 1) FROM winners
)
SELECT counter.value AS counter, i.ordinal::int AS ordinal, i.event_id, w.event_id IS NOT NULL AS won
FROM counter LEFT JOIN input i ON true LEFT JOIN winners w USING (event_id)
ORDER BY i.ordinal`;

/** A second statement, because the first one's snapshot cannot see a winner that committed while it waited. */
async function readFirstIds(
  database: Queryable,
  events: readonly NewEvent[],
  losers: readonly InsertedRow[],
): Promise<Map<number, string>> {
  const keys = losers.flatMap((row) => {
    const event = events[row.ordinal - 1] as NewEvent;
    return event.keys.map(({ key }) => ({ ...row, event, key }));
  });
  const rows = await database.query<{ ordinal: number; event_id: string }>({
    name: "read-first-ids",
    text: READ_FIRST_IDS,
    values: [
      keys.map((key) => key.ordinal),
      keys.map((key) => key.event.tenantId),
      keys.map((key) => key.event.connector),
      keys.map((key) => key.event.endpoint),
      keys.map((key) => key.key),
      keys.map((key) => key.event_id),
    ],
  });
  return new Map(rows.map((row) => [row.ordinal, row.event_id]));
}

// A loser may have won one of its keys and lost another: the won one is handed to the first event.
const READ_FIRST_IDS = `
WITH wanted AS (
  SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[])
    AS u (ordinal, tenant_id, connector, endpoint, key, new_id)
),
first AS (
  SELECT DISTINCT ON (w.ordinal) w.ordinal, k.event_id
  FROM wanted w JOIN event_keys k USING (tenant_id, connector, endpoint, key)
  WHERE k.event_id <> w.new_id AND k.expires_at > now()
  ORDER BY w.ordinal, k.event_id
),
handed AS (
  UPDATE event_keys k SET event_id = f.event_id
  FROM wanted w JOIN first f USING (ordinal)
  WHERE (k.tenant_id, k.connector, k.endpoint, k.key) = (w.tenant_id, w.connector, w.endpoint, w.key)
    AND k.event_id = w.new_id
)
SELECT ordinal, event_id FROM first`;

/** Deletes keys whose time has ended, at most `limit`; they count no longer in any case. */
export async function deleteExpiredKeys(database: Queryable, limit: number): Promise<number> {
  const rows = await database.query({
    text: `DELETE FROM event_keys WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM event_keys WHERE expires_at <= now() LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    values: [limit],
  });
  return rows.length;
}
