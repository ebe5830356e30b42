import type { Queryable } from "../core/database.ts";
import { type Sql, sql } from "../core/sql.ts";
import { isAmong, uuid7Floor, uuid7Ms } from "../schema/partitions.ts";

/** A cancelled run of a flow with limits, whose end frees its place. */
export interface CancelledRun {
  flowId: string;
  gate: string;
}

/**
 * Erases the data of an event, and of the copies of it that replays made: payload, headers, subject and changes, its dead
 * letters' payloads and errors, and of its runs the errors, steps and logs. The rows stay. Unfinished runs are
 * cancelled, and an event that is not routed yet starts none. Returns the cancelled runs with limits, or undefined if
 * there is no such event. An event that was erased before stays so.
 */
export async function eraseEvent(
  transaction: Queryable,
  { tenantId, id }: { tenantId: string; id: string },
): Promise<CancelledRun[] | undefined> {
  const events = await lockCopies(transaction, tenantId, id);
  if (events.length === 0) return undefined;
  // A router that holds the row commits first, and its runs are found below.
  await leaveOutbox(transaction, events);
  await eraseEvents(transaction, tenantId, events);
  await eraseDeadLetters(transaction, tenantId, events);
  const cancelled: CancelledRun[] = [];
  for (const eventId of events) {
    const runs = await endRuns(transaction, tenantId, eventId);
    for (const { flow_id: flowId, gate, ended } of runs)
      if (ended && gate !== null) cancelled.push({ flowId, gate });
    const runIds = runs.map((run) => run.id);
    if (runIds.length === 0) continue;
    await transaction.query(sql`UPDATE attempts SET error_message = NULL WHERE ${isAmong("run_id", runIds)}`);
    await transaction.query(sql`DELETE FROM run_steps WHERE ${isAmong("run_id", runIds)}`);
    await transaction.query(sql`DELETE FROM run_logs WHERE ${isAmong("run_id", runIds)}`);
  }
  return cancelled;
}

/** Locks the event and its copies, and returns their ids. A replay with an edited payload has an event of its own. */
async function lockCopies(transaction: Queryable, tenantId: string, id: string): Promise<string[]> {
  const rows = await transaction.query<{ id: string }>(sql`WITH RECURSIVE copies AS (
        SELECT ${id}::uuid AS id
        UNION SELECT d.replay_event_id FROM dead_letters d JOIN copies c ON c.id = d.event_id
          WHERE d.tenant_id = ${tenantId} AND d.replay_event_id IS NOT NULL
      )
      SELECT e.id FROM events e WHERE e.tenant_id = ${tenantId} AND e.id IN (SELECT id FROM copies) FOR UPDATE`);
  const ids = rows.map((row) => row.id);
  return ids.includes(id) ? ids : [];
}

async function leaveOutbox(transaction: Queryable, events: readonly string[]): Promise<void> {
  await transaction.query(sql`WITH unrouted AS (
        DELETE FROM outbox WHERE event_id = ANY (${events}::uuid[]) RETURNING event_id, tenant_id
      )
      INSERT INTO verdicts (event_id, tenant_id, status) SELECT event_id, tenant_id, 'unmatched' FROM unrouted`);
}

async function eraseEvents(
  transaction: Queryable,
  tenantId: string,
  events: readonly string[],
): Promise<void> {
  await transaction.query(sql`UPDATE events SET payload = '', headers = '{}', content_type = NULL, subject = NULL,
      synthetic = NULL, erased_at = coalesce(erased_at, now())
      WHERE tenant_id = ${tenantId} AND ${isAmong("id", events)}`);
}

async function eraseDeadLetters(
  transaction: Queryable,
  tenantId: string,
  events: readonly string[],
): Promise<void> {
  await transaction.query(sql`UPDATE dead_letters SET status = 'expired', event_payload = NULL, edited_payload = NULL,
      headers = '{}', content_type = NULL, subject = NULL, error_message = 'The event was erased',
      error_context = error_context - 'stack', replay_run_id = NULL, expired_at = coalesce(expired_at, now()),
      updated_at = now()
      WHERE tenant_id = ${tenantId} AND event_id = ANY (${events}::uuid[])`);
}

/** Cancels the unfinished runs of an event and erases the errors of all. A late result of one no longer counts. */
async function endRuns(
  transaction: Queryable,
  tenantId: string,
  eventId: string,
): Promise<{ id: string; flow_id: string; gate: string | null; ended: boolean }[]> {
  const open = sql`(state IN ('queued', 'running', 'failed') OR state = 'dead' AND coalesce(gate, '') <> '')`;
  return await transaction.query(sql`WITH found AS (
        SELECT id, ${open} AS ended FROM runs
        WHERE tenant_id = ${tenantId} AND event_id = ${eventId} AND ${mayBeRunOf(eventId)} FOR UPDATE
      )
      UPDATE runs r SET error_message = NULL, fence = r.fence + f.ended::int,
        state = CASE WHEN f.ended THEN 'cancelled' ELSE r.state END,
        finished_at = CASE WHEN f.ended THEN now() ELSE r.finished_at END
      FROM found f WHERE r.id = f.id RETURNING r.id, r.flow_id, r.gate, f.ended`);
}

/** The first run of an event by a flow has the event's millisecond in its id; a replay has an index. */
function mayBeRunOf(eventId: string): Sql {
  const ms = uuid7Ms(eventId);
  return sql`(replay_seq > 0 OR id >= ${uuid7Floor(ms)}::uuid AND id < ${uuid7Floor(ms + 1)}::uuid)`;
}
