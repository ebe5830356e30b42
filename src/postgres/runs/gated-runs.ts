import type { Queryable } from "../core/database.ts";
import { fromRows } from "../core/rows.ts";
import { prepared, sql } from "../core/sql.ts";
import { idBounds } from "../schema/partitions.ts";
import { asClaimedRuns, type ClaimRow } from "./claimed-rows.ts";
import type { ClaimedRuns, DueRun } from "./runs.ts";

/**
 * Claims runs of flows with limits: the first by event that the limits admit, among the given runs and those that
 * their flows hold, so the result may contain other runs. Given runs that are not admitted stay queued, held with a
 * reason and a time, without an attempt. Claims of one flow are serialized over all processes: no limit is exceeded,
 * and no two runs of one key run at once. `holdMs` is how long a run is held if the end of another run that wakes it
 * goes unnoticed.
 */
export async function claimGatedRuns(
  database: Queryable,
  ids: readonly string[],
  { leaseMs, holdMs }: { leaseMs: number; holdMs: number },
): Promise<ClaimedRuns> {
  const { low, high } = idBounds(ids);
  const rows = await database.query<ClaimRow>(
    prepared(
      "claim-gated-runs",
      sql`SELECT r.id, r.tenant_id, r.flow_id, r.flow_version, r.event_id, r.replay_seq, r.lane, r.fence, r.attempts,
        r.gate, c.value AS counter, b.value AS breakers
      FROM change_counters b, change_counters c
        LEFT JOIN claim_gated_runs(${ids}, ${low}, ${high}, ${leaseMs}, ${holdMs}) r ON true
      WHERE c.name = 'flows' AND b.name = 'breakers'`,
    ),
  );
  return asClaimedRuns(rows);
}

/** A run of a flow with limits that no longer runs, and frees its slot for others. */
export interface FreedRun {
  tenantId: string;
  flowId: string;
  gate: string;
  /** Whether it has ended, which also frees its key. */
  ended: boolean;
}

/** Queues the runs that the freed ones blocked under their next generation, and moves them `leaseMs` ahead. */
export async function wakeGatedRuns(
  database: Queryable,
  freed: readonly FreedRun[],
  leaseMs: number,
): Promise<DueRun[]> {
  const tenantIds = freed.map((run) => run.tenantId);
  const flowIds = freed.map((run) => run.flowId);
  const gates = freed.map((run) => (run.ended ? run.gate : ""));
  const rows = await database.query(
    prepared(
      "wake-gated-runs",
      sql`SELECT id, tenant_id, flow_id, lane, generation, true AS gated
        FROM wake_gated_runs(${tenantIds}, ${flowIds}, ${gates}, ${leaseMs})`,
    ),
  );
  return fromRows<DueRun>(rows);
}
