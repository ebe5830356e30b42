import { createAutoReplays } from "../../dead-letters/auto-replay.ts";
import { createBulkReplays } from "../../dead-letters/bulk-replay.ts";
import type { ReplayDeps } from "../../dead-letters/replay-dead-letters.ts";
import type { RunDispatch } from "../../http/runs/run-actions.ts";
import type { Loops } from "../loops.ts";
import type { PipelineDeps } from "./compose.ts";

/** Wires replays of dead letters: bulk replays, and automatic ones by policy. */
export function composeDeadLetters(
  deps: Pick<PipelineDeps, "roles" | "bounds" | "database" | "metrics" | "log"> & {
    loops: Loops;
    dispatch: RunDispatch;
  },
): void {
  const { roles, bounds, database, metrics, log, loops, dispatch } = deps;
  if (!roles.has("maintain")) return;
  const replay: ReplayDeps = { leaseMs: dispatch.leaseMs };
  loops.add(
    "bulk replays",
    createBulkReplays({
      database,
      replay,
      bounds: bounds.bulkReplay,
      queue: dispatch.queue,
      onStep(bulk, state) {
        if (state === bulk.state) return;
        if (state !== "running") metrics.bulkReplays.inc({ state });
        log.info({ tenant_id: bulk.tenantId, replay_id: bulk.id, state }, "bulk replay changed its state");
      },
    }),
  );
  loops.add(
    "auto replays",
    createAutoReplays({
      database,
      replay,
      bounds: bounds.autoReplay,
      queue: dispatch.queue,
      onReplayed: (cause, letters) => metrics.autoReplays.inc({ cause }, letters),
    }),
  );
}
