import type { SyntheticDetail } from "../../domain/event/event.ts";
import { numberArray, textArray } from "../core/array-literal.ts";
import type { Queryable } from "../core/database.ts";

/** An event that a poll found. */
export interface PollEvent {
  type: string;
  subject: string;
  occurredAtMs: number | undefined;
  /** Of a change: the same however often its poll is repeated before it commits. */
  deliveryKey: string;
  payload: Buffer;
  detail: SyntheticDetail;
}

/**
 * Writes the events of a poll and their outbox rows, in order. The caller's transaction proves that they are new: it
 * moves the source's generation on, so they need no keys of their own.
 */
export async function insertPollEvents(
  transaction: Queryable,
  of: { tenantId: string; connector: string; source: string },
  events: readonly PollEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await transaction.query({
    name: "insert-poll-events",
    text: INSERT_POLL_EVENTS,
    values: [
      of.tenantId,
      of.connector,
      of.source,
      Buffer.concat(events.map((event) => event.payload)),
      numberArray(events.map((event) => event.payload.length)),
      textArray(events.map((event) => event.type)),
      textArray(events.map((event) => event.subject)),
      numberArray(events.map((event) => event.occurredAtMs)),
      textArray(events.map((event) => event.deliveryKey)),
      textArray(events.map((event) => JSON.stringify(event.detail))),
    ],
  });
}

// Ids come from this server's clock, one microsecond apart in the order of the batch, as for events that are received.
const INSERT_POLL_EVENTS = `
WITH flows AS (SELECT value FROM change_counters WHERE name = 'flows'),
clock AS MATERIALIZED (SELECT clock_us() AS us),
input AS MATERIALIZED (
  SELECT uuid7(clock.us + u.ordinal) AS event_id, u.*,
    (sum(u.size) OVER (ORDER BY u.ordinal) - u.size)::int AS start
  FROM unnest($5::int[], $6::text[], $7::text[], $8::float8[], $9::text[], $10::text[])
    WITH ORDINALITY AS u (size, type, subject, occurred_at_ms, delivery_key, detail, ordinal), clock
),
written AS (
  INSERT INTO events (id, tenant_id, connector, endpoint, type, source, priority, subject, occurred_at, received_at,
    delivery_key, item, headers, content_type, flows_counter, payload, synthetic)
  SELECT i.event_id, $1, $2, $3, i.type, 'poll', 4, i.subject, to_timestamp(i.occurred_at_ms / 1000),
    to_timestamp(clock.us / 1000000.0), i.delivery_key, 0, '{}', 'application/json', flows.value,
    substring($4::bytea FROM i.start + 1 FOR i.size), i.detail::json
  FROM input i, clock, flows
)
INSERT INTO outbox (event_id, tenant_id, lane) SELECT event_id, $1, 4 FROM input`;
