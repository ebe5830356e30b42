import { HeadraceError } from "../../domain/errors.ts";
import type { EventSource, Priority } from "../../domain/priority.ts";
import { readList } from "../core/array-literal.ts";
import type { Queryable } from "../core/database.ts";
import { type InputRows, preparedInShape, rowInput } from "../core/row-input.ts";
import { Parameter, prepared, type Sql, sql } from "../core/sql.ts";

/** An event to be written, with everything that later stages read. */
export interface NewEvent {
  tenantId: string;
  connector: string;
  endpoint: string;
  type: string | undefined;
  source: EventSource;
  priority: Priority;
  subject?: string | undefined;
  occurredAtMs?: number | undefined;
  /** Identifies the event when it is delivered again; part of its idempotency key. */
  deliveryKey: string;
  /** Its index in a delivery of several events. */
  item: number;
  headers: Record<string, string>;
  contentType: string | undefined;
  payload: Buffer;
  /** Any of these keys makes it a duplicate for as long as the key counts. Without keys it is always new. */
  keys: readonly { key: string; windowMs: number }[];
}

export interface AcceptedEvent {
  eventId: string;
  /** True when the event was committed earlier; `eventId` is then the first one's. */
  duplicate: boolean;
}

export type AcceptResult =
  | { kind: "accepted"; events: AcceptedEvent[] }
  /**
   * The configuration that the caller verified with has changed: nothing was written, and the caller verifies again.
   */
  | { kind: "stale"; counter: number };

/**
 * Writes a batch of events, their keys and their outbox rows in one transaction; returns when it is committed. Events
 * that duplicate one another, or one committed earlier, are written once and get the first one's id. With
 * `expectedCounter` nothing is written unless the receive counter has that value. With `leaseMs` the outbox rows are
 * claimed for that long by the caller, who publishes them.
 */
export async function acceptEvents(
  database: Queryable,
  events: readonly NewEvent[],
  { expectedCounter, leaseMs = 0 }: { expectedCounter?: number | undefined; leaseMs?: number } = {},
): Promise<AcceptResult> {
  const { firsts, aliasOf } = foldDuplicates(events);
  const { counter, inserted } = await insertEvents(database, firsts, { expectedCounter, leaseMs });
  if (expectedCounter !== undefined && counter !== expectedCounter) return { kind: "stale", counter };
  const losers = inserted.flatMap(({ eventId, won }, index) => (won ? [] : { newId: eventId, index }));
  const firstIds = losers.length === 0 ? new Map() : await readFirstIds(database, firsts, losers);
  const accepted = inserted.map((event, index): AcceptedEvent => {
    if (event.won) return { eventId: event.eventId, duplicate: false };
    const eventId = firstIds.get(index);
    // The key expired between the two statements: the sender's next try is a new event.
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
 * Merges events of one batch that share a key into one, with the keys of all. `aliasOf[i]` is the index among
 * `firsts` of event i.
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
    const first = { index: firsts.push(event) - 1, by };
    for (const name of names) seen.set(name, first);
    return first;
  });
  return { firsts, aliasOf };
}

interface InsertedEvent {
  eventId: string;
  won: boolean;
}

async function insertEvents(
  database: Queryable,
  events: readonly NewEvent[],
  { expectedCounter, leaseMs }: { expectedCounter: number | undefined; leaseMs: number },
): Promise<{ counter: number; inserted: InsertedEvent[] }> {
  // Payloads and headers are sent as one binary parameter: in an array every byte would be escaped.
  const parts: Buffer[] = [];
  const rows: PlacedEvent[] = [];
  const keys: OrderedKey[] = [];
  let payloadAt = 1;
  for (const event of events) {
    const headers = Buffer.from(JSON.stringify(event.headers));
    const headersAt = payloadAt + event.payload.length;
    const endsAt = headersAt + headers.length;
    parts.push(event.payload, headers);
    rows.push({ event, payloadAt, headersAt, endsAt });
    for (const { key, windowMs } of event.keys) keys.push({ ordinal: rows.length, key, windowMs });
    payloadAt = endsAt;
  }
  const shape = rows.length === 1 && keys.length === 1 ? "one" : "many";
  const [row] = await database.query<{ counter: string; event_ids: string | null; won: string | null }>(
    preparedInShape(
      "accept-events",
      shape,
      insertStatement({
        expectedCounter,
        bytes: Buffer.concat(parts),
        leaseMs,
        events: eventRows(rows, shape),
        keys: keyRows(keys, shape),
      }),
    ),
  );
  const won = new Set(readList(row?.won));
  return {
    counter: Number(row?.counter),
    inserted: readList(row?.event_ids).map((eventId, index) => ({
      eventId,
      won: won.has(String(index + 1)),
    })),
  };
}

/** An event, and the offsets of its parts in the binary parameter, counted from 1. */
interface PlacedEvent {
  event: NewEvent;
  payloadAt: number;
  headersAt: number;
  endsAt: number;
}

/** A key of the event with this index in the batch, counted from 1. */
interface OrderedKey {
  ordinal: number;
  key: string;
  windowMs: number;
}

const eventRows = rowInput<PlacedEvent>([
  ["ordinal", "int", (_placed, index) => index + 1],
  ["payload_at", "int", (placed) => placed.payloadAt],
  ["headers_at", "int", (placed) => placed.headersAt],
  ["ends_at", "int", (placed) => placed.endsAt],
  ["tenant_id", "text", ({ event }) => event.tenantId],
  ["connector", "text", ({ event }) => event.connector],
  ["endpoint", "text", ({ event }) => event.endpoint],
  ["type", "text", ({ event }) => event.type],
  ["source", "text", ({ event }) => event.source],
  ["priority", "smallint", ({ event }) => event.priority],
  ["subject", "text", ({ event }) => event.subject],
  ["occurred_at_ms", "bigint", ({ event }) => event.occurredAtMs],
  ["delivery_key", "text", ({ event }) => event.deliveryKey],
  ["item", "int", ({ event }) => event.item],
  ["content_type", "text", ({ event }) => event.contentType],
  ["key_count", "int", ({ event }) => event.keys.length],
]);

const keyRows = rowInput<OrderedKey>([
  ["ordinal", "int", (key) => key.ordinal],
  ["key", "text", (key) => key.key],
  ["window_ms", "bigint", (key) => key.windowMs],
]);

// Inserts or takes over key rows in sorted order, so that two batches with the same keys wait for one another and
// never deadlock. An event that won all its keys is new. Ids come from this server's clock, one microsecond apart in
// the order of the batch.
function insertStatement(batch: {
  expectedCounter: number | undefined;
  bytes: Buffer;
  leaseMs: number;
  events: InputRows;
  keys: InputRows;
}): Sql {
  const { expectedCounter, leaseMs, events, keys } = batch;
  const bytes = new Parameter(batch.bytes);
  return sql`
WITH counters AS MATERIALIZED (
  SELECT max(value) FILTER (WHERE name = 'receive') AS receive, max(value) FILTER (WHERE name = 'flows') AS flows,
    clock_us() AS us
  FROM change_counters
),
input AS MATERIALIZED (
  SELECT uuid7((SELECT us FROM counters) + u.ordinal) AS event_id, u.*
  FROM ${events.from("u")}
  WHERE ${expectedCounter}::bigint IS NULL OR ${expectedCounter} = (SELECT receive FROM counters)
),
won_keys AS (
  INSERT INTO event_keys AS held (tenant_id, connector, endpoint, key, event_id, expires_at)
  SELECT i.tenant_id, i.connector, i.endpoint, k.key, i.event_id, now() + k.window_ms * interval '1 millisecond'
  FROM ${keys.from("k")} JOIN input i USING (ordinal)
  ORDER BY i.tenant_id, i.connector, i.endpoint, k.key
  ON CONFLICT (tenant_id, connector, endpoint, key) DO UPDATE
    SET event_id = excluded.event_id, expires_at = excluded.expires_at WHERE held.expires_at <= now()
  RETURNING held.event_id
),
winners AS (
  SELECT i.*
  FROM input i LEFT JOIN (SELECT event_id, count(*) AS won FROM won_keys GROUP BY event_id) k USING (event_id)
  WHERE coalesce(k.won, 0) = i.key_count
),
written AS (
  INSERT INTO events (id, tenant_id, connector, endpoint, type, source, priority, subject, occurred_at, received_at,
    delivery_key, item, headers, content_type, flows_counter, payload)
  SELECT event_id, tenant_id, connector, endpoint, type, source, priority, subject,
    to_timestamp(occurred_at_ms / 1000.0), (SELECT to_timestamp(us / 1000000.0) FROM counters), delivery_key, item,
    convert_from(substring(${bytes}::bytea FROM headers_at FOR ends_at - headers_at), 'UTF8')::json, content_type,
    (SELECT flows FROM counters), substring(${bytes}::bytea FROM payload_at FOR headers_at - payload_at)
  FROM winners
),
queued AS (
  INSERT INTO outbox (event_id, tenant_id, lane, visible_at, claims)
  SELECT event_id, tenant_id, priority, now() + ${leaseMs}::int * interval '1 millisecond',
    least(${leaseMs}::int, 1)
  FROM winners
)
SELECT (SELECT receive FROM counters) AS counter,
  (SELECT string_agg(event_id::text, ',' ORDER BY ordinal) FROM input) AS event_ids,
  (SELECT string_agg(ordinal::text, ',') FROM winners) AS won`;
}

/**
 * Needs a second statement, because the snapshot of the first does not see a winner that committed while it waited.
 */
async function readFirstIds(
  database: Queryable,
  events: readonly NewEvent[],
  losers: readonly { newId: string; index: number }[],
): Promise<Map<number, string>> {
  const keys = losers.flatMap((loser) => {
    const event = events[loser.index] as NewEvent;
    return event.keys.map(({ key }) => ({ ...loser, event, key }));
  });
  const wanted = firstIdRows(keys);
  // A loser may have won one of its keys and lost another: the won one is given to the first event.
  const rows = await database.query<{ index: number; event_id: string }>(
    prepared(
      "read-first-ids",
      sql`
WITH wanted AS (SELECT * FROM ${wanted.from("u")}),
first AS (
  SELECT DISTINCT ON (w.index) w.index, k.event_id
  FROM wanted w JOIN event_keys k USING (tenant_id, connector, endpoint, key)
  WHERE k.event_id <> w.new_id AND k.expires_at > now()
  ORDER BY w.index, k.event_id
),
reassigned AS (
  UPDATE event_keys k SET event_id = f.event_id
  FROM wanted w JOIN first f USING (index)
  WHERE (k.tenant_id, k.connector, k.endpoint, k.key) = (w.tenant_id, w.connector, w.endpoint, w.key)
    AND k.event_id = w.new_id
)
SELECT index, event_id FROM first`,
    ),
  );
  return new Map(rows.map((row) => [row.index, row.event_id]));
}

/** A key of an event that was not written because another one has the key. */
interface LostKey {
  index: number;
  newId: string;
  event: NewEvent;
  key: string;
}

const firstIdRows = rowInput<LostKey>([
  ["index", "int", (lost) => lost.index],
  ["tenant_id", "text", (lost) => lost.event.tenantId],
  ["connector", "text", (lost) => lost.event.connector],
  ["endpoint", "text", (lost) => lost.event.endpoint],
  ["key", "text", (lost) => lost.key],
  ["new_id", "uuid", (lost) => lost.newId],
]);

/** Deletes expired keys, at most `limit`; they do not count any more in any case. */
export async function deleteExpiredKeys(database: Queryable, limit: number): Promise<number> {
  const rows = await database.query(sql`DELETE FROM event_keys WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM event_keys WHERE expires_at <= now() LIMIT ${limit} FOR UPDATE SKIP LOCKED)) RETURNING 1`);
  return rows.length;
}
