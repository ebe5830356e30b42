import type { NormalizedEvent } from "../../domain/event/event.ts";
import { gateOf } from "../../domain/flow/flow-gate.ts";
import { MANUAL_EVENT } from "../../domain/flow/manual-run.ts";
import { runId } from "../../domain/flow/run-id.ts";
import { readJson } from "../../domain/json/parse-text.ts";
import { priorityOf } from "../../domain/priority.ts";
import type { Queryable } from "../core/database.ts";
import { sql } from "../core/sql.ts";
import { findVersionToRun } from "../flows/flows.ts";
import type { QueuedRun } from "./replay.ts";

/**
 * Creates an event of the data, routed to one flow alone, and its run, due in `leaseMs` in case its job is lost. A
 * key that is in use returns the first run with the key. Undefined when there is no such flow.
 */
export async function startManualRun(
  transaction: Queryable,
  manual: {
    tenantId: string;
    flowId: string;
    data: Buffer;
    /** Identifies the event when it is sent again. */
    deliveryKey: string;
    /** How long the delivery key counts; undefined: it is always new. */
    keyWindowMs: number | undefined;
    leaseMs: number;
  },
): Promise<(QueuedRun & { eventId: string; isNew: boolean }) | undefined> {
  const { tenantId, flowId, data, deliveryKey, keyWindowMs, leaseMs } = manual;
  const flow = await findVersionToRun(transaction, manual);
  if (flow === undefined) return undefined;
  const lane = flow.definition.trigger.priority ?? priorityOf("api");
  const asRun = (eventId: string) => ({
    id: runId({ eventId, flowId, replaySeq: 0 }),
    tenantId,
    flowId,
    lane,
    eventId,
    gate: gateOf(flow.definition, eventOf(manual, eventId)),
  });
  const [made] = await transaction.query<{ id: string }>(sql`SELECT uuid7(clock_us()) AS id`);
  const run = asRun(made?.id as string);
  if (keyWindowMs !== undefined) {
    const first = await takeKey(transaction, { ...manual, keyWindowMs, eventId: run.eventId });
    if (first !== run.eventId) return { ...asRun(first), isNew: false };
  }
  await transaction.query(sql`WITH event AS (
        INSERT INTO events (id, tenant_id, connector, endpoint, type, source, priority, received_at, delivery_key,
          content_type, flows_counter, payload)
        SELECT ${run.eventId}, ${tenantId}, ${MANUAL_EVENT.connector}, ${flowId}, ${MANUAL_EVENT.type}, 'api',
          ${priorityOf("api")}, clock_timestamp(), ${deliveryKey}, 'application/json', value, ${data}
        FROM change_counters WHERE name = 'flows'
      ),
      verdict AS (INSERT INTO verdicts (event_id, tenant_id, status) VALUES (${run.eventId}, ${tenantId}, 'routed'))
      INSERT INTO runs ${sql.row({
        id: run.id,
        tenant_id: tenantId,
        flow_id: flowId,
        flow_version: flow.version,
        event_id: run.eventId,
        lane,
        gate: run.gate,
        state: "queued",
        visible_at: sql`now() + ${leaseMs}::int * interval '1 millisecond'`,
      })}`);
  return { ...run, isNew: true };
}

/** The event as the order of its flow reads it. */
function eventOf(
  { tenantId, flowId, data }: { tenantId: string; flowId: string; data: Buffer },
  id: string,
): NormalizedEvent {
  return {
    id,
    tenantId,
    connector: MANUAL_EVENT.connector,
    endpoint: flowId,
    type: MANUAL_EVENT.type,
    source: "api",
    priority: priorityOf("api"),
    subject: undefined,
    idempotencyKey: "",
    headers: {},
    occurredAt: "",
    receivedAt: "",
    data: readJson(data.toString()),
  };
}

/** Assigns a key to an event, and returns the event that the key belongs to: an earlier one if it has the key. */
async function takeKey(
  transaction: Queryable,
  taken: { tenantId: string; flowId: string; deliveryKey: string; keyWindowMs: number; eventId: string },
): Promise<string> {
  const { tenantId, flowId, deliveryKey, keyWindowMs, eventId } = taken;
  const { connector } = MANUAL_EVENT;
  const [won] = await transaction.query<{ event_id: string }>(
    sql`INSERT INTO event_keys AS held (tenant_id, connector, endpoint, key, event_id, expires_at)
      VALUES (${tenantId}, ${connector}, ${flowId}, ${deliveryKey}, ${eventId},
        now() + ${keyWindowMs}::bigint * interval '1 millisecond')
      ON CONFLICT (tenant_id, connector, endpoint, key) DO UPDATE
        SET event_id = excluded.event_id, expires_at = excluded.expires_at WHERE held.expires_at <= now()
      RETURNING event_id`,
  );
  if (won !== undefined) return won.event_id;
  const [earlier] = await transaction.query<{ event_id: string }>(
    sql`SELECT event_id FROM event_keys
      WHERE (tenant_id, connector, endpoint, key) = (${tenantId}, ${connector}, ${flowId}, ${deliveryKey})`,
  );
  return earlier?.event_id ?? eventId;
}
