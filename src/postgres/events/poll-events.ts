import type { SyntheticDetail } from "../../domain/event/event.ts";
import { writeJson } from "../../domain/json/exact-number.ts";
import type { Queryable } from "../core/database.ts";
import { rowInput } from "../core/row-input.ts";
import { prepared, sql } from "../core/sql.ts";

/** An event that a poll found. */
export interface PollEvent {
  type: string;
  subject: string;
  occurredAtMs: number | undefined;
  /** The same each time the poll is repeated before it commits. */
  deliveryKey: string;
  payload: Buffer;
  detail: SyntheticDetail;
}

/**
 * Writes the events of a poll and their outbox rows, in order. The caller's transaction advances the source's
 * generation, which proves that they are new, so they need no keys.
 */
export async function insertPollEvents(
  transaction: Queryable,
  of: { tenantId: string; connector: string; source: string },
  events: readonly PollEvent[],
): Promise<void> {
  if (events.length === 0) return;
  const payloads = Buffer.concat(events.map((event) => event.payload));
  // Ids come from this server's clock, one microsecond apart in the order of the batch, as for received events.
  await transaction.query(
    prepared(
      "insert-poll-events",
      sql`
WITH flows AS (SELECT value FROM change_counters WHERE name = 'flows'),
clock AS MATERIALIZED (SELECT clock_us() AS us),
input AS MATERIALIZED (
  SELECT uuid7(clock.us + u.ordinal) AS event_id, u.*,
    (sum(u.size) OVER (ORDER BY u.ordinal) - u.size)::int AS start
  FROM ${eventRows(events).from("u", "ordinal")}, clock
),
written AS (
  INSERT INTO events (id, tenant_id, connector, endpoint, type, source, priority, subject, occurred_at, received_at,
    delivery_key, item, headers, content_type, flows_counter, payload, synthetic)
  SELECT i.event_id, ${of.tenantId}, ${of.connector}, ${of.source}, i.type, 'poll', 4, i.subject,
    to_timestamp(i.occurred_at_ms / 1000),
    to_timestamp(clock.us / 1000000.0), i.delivery_key, 0, '{}', 'application/json', flows.value,
    substring(${payloads}::bytea FROM i.start + 1 FOR i.size), i.detail::json
  FROM input i, clock, flows
)
INSERT INTO outbox (event_id, tenant_id, lane) SELECT event_id, ${of.tenantId}, 4 FROM input`,
    ),
  );
}

const eventRows = rowInput<PollEvent>([
  ["size", "int", (event) => event.payload.length],
  ["type", "text", (event) => event.type],
  ["subject", "text", (event) => event.subject],
  ["occurred_at_ms", "float8", (event) => event.occurredAtMs],
  ["delivery_key", "text", (event) => event.deliveryKey],
  ["detail", "text", (event) => writeJson(event.detail)],
]);
