import { HeadraceError } from "../domain/errors.js";
/**
 * Writes a batch of events, their keys and their outbox rows in one transaction, and answers when it is committed.
 * Events that are duplicates of one another, or of one committed earlier, are written once and answer the first
 * one's id. With `expectedCounter` nothing is written unless the receive counter still has that value.
 */
export async function acceptEvents(database, events, expectedCounter) {
    const { firsts, aliasOf } = foldDuplicates(events);
    const { counter, rows } = await insertEvents(database, firsts, expectedCounter);
    if (expectedCounter !== undefined && counter !== expectedCounter)
        return { kind: "stale", counter };
    const losers = rows.filter((row) => !row.won);
    const firstIds = losers.length === 0 ? new Map() : await readFirstIds(database, firsts, losers);
    const accepted = rows.map((row) => {
        if (row.won)
            return { eventId: row.event_id, duplicate: false };
        const eventId = firstIds.get(row.ordinal);
        // The key ended between two statements: the sender's next try is a new event.
        if (eventId === undefined)
            throw new HeadraceError("store_unavailable", "A duplicate's key expired while it was read");
        return { eventId, duplicate: true };
    });
    return {
        kind: "accepted",
        events: aliasOf.map((first, index) => {
            const own = accepted[first.index];
            return first.by === index ? own : { eventId: own.eventId, duplicate: true };
        }),
    };
}
/** Events of one batch that share a key become one; `aliasOf[i]` names the place among `firsts` of event i. */
function foldDuplicates(events) {
    const firsts = [];
    const seen = new Map();
    const aliasOf = events.map((event, by) => {
        const names = event.keys.map(({ key }) => `${event.tenantId}\n${event.connector}\n${event.endpoint}\n${key}`);
        const earlier = names.map((name) => seen.get(name)).find((found) => found !== undefined);
        if (earlier !== undefined)
            return earlier;
        const place = { index: firsts.push(event) - 1, by };
        for (const name of names)
            seen.set(name, place);
        return place;
    });
    return { firsts, aliasOf };
}
async function insertEvents(database, events, expectedCounter) {
    const keys = events.flatMap((event, index) => event.keys.map((key) => ({ ...key, ordinal: index + 1 })));
    const rows = await database.query({
        name: "accept-events",
        text: INSERT_EVENTS,
        values: [
            expectedCounter ?? null,
            // All payloads travel as one binary parameter: an array of them would be escaped byte by byte.
            Buffer.concat(events.map((event) => event.payload)),
            events.map((event) => event.payload.length),
            events.map((event) => event.tenantId),
            events.map((event) => event.connector),
            events.map((event) => event.endpoint),
            events.map((event) => event.type ?? null),
            events.map((event) => event.source),
            events.map((event) => event.priority),
            events.map((event) => event.subject ?? null),
            events.map((event) => event.occurredAtMs ?? null),
            events.map((event) => event.deliveryKey),
            events.map((event) => event.item),
            events.map((event) => JSON.stringify(event.headers)),
            events.map((event) => event.contentType ?? null),
            events.map((event) => event.keys.length),
            keys.map((key) => key.ordinal),
            keys.map((key) => key.key),
            keys.map((key) => key.windowMs),
        ],
    });
    return {
        counter: Number(rows[0]?.counter),
        rows: rows.filter((row) => row.ordinal !== null),
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
    sum(u.size) OVER (ORDER BY u.ordinal) - u.size AS payload_start
  FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::smallint[], $10::text[],
      $11::bigint[], $12::text[], $13::int[], $14::text[], $15::text[], $16::int[])
    WITH ORDINALITY AS u (size, tenant_id, connector, endpoint, type, source, priority, subject, occurred_at_ms,
      delivery_key, item, headers, content_type, key_count, ordinal), clock
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
    w.headers::json, w.content_type, flows.value, substring($2::bytea FROM w.payload_start::int + 1 FOR w.size)
  FROM winners w, clock, flows
),
queued AS (
  INSERT INTO outbox (event_id, tenant_id, lane) SELECT event_id, tenant_id, priority FROM winners
)
SELECT counter.value AS counter, i.ordinal::int AS ordinal, i.event_id, w.event_id IS NOT NULL AS won
FROM counter LEFT JOIN input i ON true LEFT JOIN winners w USING (event_id)
ORDER BY i.ordinal`;
/** A second statement, because the first one's snapshot cannot see a winner that committed while it waited. */
async function readFirstIds(database, events, losers) {
    const keys = losers.flatMap((row) => {
        const event = events[row.ordinal - 1];
        return event.keys.map(({ key }) => ({ ...row, event, key }));
    });
    const rows = await database.query({
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
export async function deleteExpiredKeys(database, limit) {
    const rows = await database.query({
        text: `DELETE FROM event_keys WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM event_keys WHERE expires_at <= now() LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1`,
        values: [limit],
    });
    return rows.length;
}
//# sourceMappingURL=accept.js.map