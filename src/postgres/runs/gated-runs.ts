import type { Priority } from "../../domain/priority.ts";
import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";
import { idBounds } from "../schema/partitions.ts";
import { asClaimedRuns, type ClaimRow } from "./claimed-rows.ts";
import type { ClaimedRuns, DueRun } from "./runs.ts";

/**
 * Claims runs of flows with limits: of those given and of those that their flows hold, the first by event that the
 * limits admit, so that what comes back may be others than were asked for. Those given that are not admitted stay
 * queued, held with a reason and a time, their attempts unspent. Claims of one flow come one after the other, over
 * all processes: no limit is ever exceeded, and no two runs of one key are under way at once. `holdMs` is how long
 * a run is held whose turn another run's end announces, if nobody does.
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
      FROM change_counters b, change_counters c LEFT JOIN claim_gated_runs(${ids}, ${low}, ${high}, ${leaseMs}, ${holdMs}) r ON true
      WHERE c.name = 'flows' AND b.name = 'breakers'`,
    ),
  );
  return asClaimedRuns(rows);
}

/** A run of a flow with limits that is no longer under way: what it gives up, others wait for. */
export interface FreedRun {
  tenantId: string;
  flowId: string;
  gate: string;
  /** Whether it has ended, so that its key is free too. */
  ended: boolean;
}

/** Queues anew those runs, under their next generation, that the freed ones held up, and pushes them `leaseMs` ahead. */
export async function wakeGatedRuns(
  database: Queryable,
  freed: readonly FreedRun[],
  leaseMs: number,
): Promise<DueRun[]> {
  const rows = await database.query<{
    id: string;
    tenant_id: string;
    flow_id: string;
    lane: Priority;
    generation: number;
  }>(
    prepared(
      "wake-gated-runs",
      sql`SELECT id, tenant_id, flow_id, lane, generation FROM wake_gated_runs(${freed.map((run) => run.tenantId)}, ${freed.map((run) => run.flowId)}, ${freed.map((run) => (run.ended ? run.gate : ""))}, ${leaseMs})`,
    ),
  );
  return rows.map((row) => ({
    id: row.id,
    tenantId: row.tenant_id,
    flowId: row.flow_id,
    lane: row.lane,
    generation: row.generation,
    gated: true,
  }));
}
