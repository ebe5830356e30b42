import type { DeadLetterCounts } from "../../dead-letters/watch-depths.ts";
import type { Metrics } from "../metrics.ts";

const STAGES = ["normalize", "route", "execute"] as const;

/** Creates the function that sets the gauges of all dead letters and of the `maxTenants` tenants with the most. */
export function createDeadLetterGauges(
  metrics: Metrics,
  maxTenants: number,
): (counts: DeadLetterCounts) => void {
  return ({ depths, kept, openAlerts }) => {
    for (const stage of STAGES) {
      const ofStage = depths.filter((depth) => depth.stage === stage);
      metrics.deadLetters.set(
        { stage },
        ofStage.reduce((sum, depth) => sum + depth.pending, 0),
      );
      metrics.oldestDeadLetterSeconds.set(
        { stage },
        ofStage.reduce((most, depth) => Math.max(most, depth.oldestSeconds), 0),
      );
    }
    metrics.keptDeadLetters.set(kept.entries);
    metrics.keptDeadLetterBytes.set(kept.bytes);

    const shown = new Set(largest(depths, maxTenants));
    metrics.deadLettersOfTenant.reset();
    metrics.oldestDeadLetterOfTenantSeconds.reset();
    for (const { tenantId, stage, pending, oldestSeconds } of depths) {
      if (!shown.has(tenantId)) continue;
      metrics.deadLettersOfTenant.set({ tenant: tenantId, stage }, pending);
      metrics.oldestDeadLetterOfTenantSeconds.set({ tenant: tenantId, stage }, oldestSeconds);
    }

    metrics.openAlerts.reset();
    for (const { kind, count } of openAlerts) metrics.openAlerts.set({ kind }, count);
  };
}

function largest(depths: DeadLetterCounts["depths"], maxTenants: number): string[] {
  const totals = new Map<string, number>();
  for (const { tenantId, pending } of depths) totals.set(tenantId, (totals.get(tenantId) ?? 0) + pending);
  return [...totals]
    .sort((left, right) => right[1] - left[1])
    .slice(0, maxTenants)
    .map(([tenantId]) => tenantId);
}
