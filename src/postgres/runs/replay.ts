import assert from "node:assert";
import { gateOfReplay } from "../../domain/flow/flow-gate.ts";
import { runId } from "../../domain/flow/run-id.ts";
import { type Priority, priorityOf } from "../../domain/priority.ts";
import type { Queryable } from "../core/database.ts";
import { rowInput } from "../core/row-input.ts";
import { sql } from "../core/sql.ts";
import { findVersionToRun } from "../flows/flows.ts";
import { idBounds, uuid7Floor, uuid7Ms } from "../schema/partitions.ts";
import type { RunState } from "./list.ts";

/** A run that was queued and needs a job. */
export interface QueuedRun {
  id: string;
  tenantId: string;
  flowId: string;
  lane: Priority;
  /** Set if the flow has limits; see `domain/flow/flow-gate.ts`. */
  gate?: string | undefined;
}

/** The result of requesting a replay of a run. */
export type Replay =
  | { kind: "replayed"; run: QueuedRun }
  | { kind: "unfinished"; state: RunState }
  | { kind: "flow_gone"; flowId: string }
  | { kind: "event_gone" };

/**
 * Creates a new run of the event and the flow of a finished run, with the deployed version, else the newest; it is
 * due in `leaseMs` in case its job is lost. Undefined when there is no such run.
 */
export async function replayRun(
  transaction: Queryable,
  { tenantId, id, leaseMs }: { tenantId: string; id: string; leaseMs: number },
): Promise<Replay | undefined> {
  const [run] = await transaction.query<{
    event_id: string;
    flow_id: string;
    state: RunState;
    gate: string | null;
  }>(sql`SELECT event_id, flow_id, state, gate FROM runs WHERE tenant_id = ${tenantId} AND id = ${id}`);
  if (run === undefined) return undefined;
  const { event_id: eventId, flow_id: flowId, state } = run;
  if (state === "queued" || state === "running" || state === "failed") return { kind: "unfinished", state };
  const flow = await findVersionToRun(transaction, { tenantId, flowId });
  if (flow === undefined) return { kind: "flow_gone", flowId };
  const events = await transaction.query(
    sql`SELECT FROM events WHERE tenant_id = ${tenantId} AND id = ${eventId} AND erased_at IS NULL`,
  );
  if (events.length === 0) return { kind: "event_gone" };
  const [next] = await nextReplays(transaction, [{ eventId, flowId }]);
  assert(next !== undefined, "each that was wanted has a number");
  const { replaySeq, atMs } = next;
  const lane = flow.definition.trigger.priority ?? priorityOf("replay");
  const gate = gateOfReplay(flow.definition, run.gate);
  const replay = { id: runId({ eventId, flowId, replaySeq, atMs }), tenantId, flowId, lane, gate };
  await transaction.query(
    sql`INSERT INTO runs ${sql.row({
      id: replay.id,
      tenant_id: tenantId,
      flow_id: flowId,
      flow_version: flow.version,
      event_id: eventId,
      replay_seq: replaySeq,
      lane,
      gate,
      state: "queued",
      visible_at: sql`now() + ${leaseMs}::int * interval '1 millisecond'`,
    })}`,
  );
  return { kind: "replayed", run: replay };
}

/**
 * Reserves the numbers of the next replays of events by flows, in order, until the transaction ends. No unique key
 * guards them: a replay's run lies in its own day, and a key of a partitioned table is unique within a day.
 */
export async function nextReplays(
  transaction: Queryable,
  wanted: readonly { eventId: string; flowId: string }[],
): Promise<{ replaySeq: number; atMs: number }[]> {
  if (wanted.length === 0) return [];
  const names = wanted.map(({ eventId, flowId }) => `replay ${eventId} ${flowId}`);
  // Sorted, so that concurrent transactions never deadlock.
  await transaction.query(sql`SELECT pg_advisory_xact_lock(key) FROM
      (SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest(${names}::text[]) AS name ORDER BY key) keys`);
  const { low } = idBounds(wanted.map(({ eventId }) => eventId));
  const rows = await transaction.query<{
    seq: number;
    at_ms: string;
  }>(sql`SELECT coalesce(r.seq, 0) + 1 AS seq, clock_us() / 1000 AS at_ms
      FROM ${wantedRows(wanted).from("w", "position")}
      LEFT JOIN LATERAL (SELECT max(replay_seq) AS seq FROM runs
        WHERE event_id = w.event_id AND flow_id = w.flow_id AND replay_seq > 0
          AND id >= ${uuid7Floor(uuid7Ms(low))}::uuid) r ON true
      ORDER BY w.position`);
  const taken = new Map<string, number>();
  return rows.map((row, index) => {
    const name = names[index] as string;
    const before = taken.get(name) ?? 0;
    taken.set(name, before + 1);
    return { replaySeq: row.seq + before, atMs: Number(row.at_ms) };
  });
}

const wantedRows = rowInput<{ eventId: string; flowId: string }>([
  ["event_id", "uuid", ({ eventId }) => eventId],
  ["flow_id", "text", ({ flowId }) => flowId],
]);
