import { gateOf } from "../../domain/flow-gate.ts";
import { runId } from "../../domain/run-id.ts";
import { lockDueBackfill, moveBackfill } from "../../postgres/backfills.ts";
import type { Database } from "../../postgres/database.ts";
import { listPastEvents } from "../../postgres/events.ts";
import { insertRuns, type NewRun } from "../../postgres/routing.ts";
import type { Step } from "../../runtime/loop.ts";
import type { Normalize } from "./decide.ts";
import { createFlowMatcher } from "./flow-matcher.ts";

export interface BackfillLimits {
  /** Events looked at in one transaction. */
  batchSize: number;
  /** The wait of a loop with nothing to do, and before the end is looked for again, ms. */
  idleMs: number;
  /** After this time no event of a counter before the deploy is still on its way to its commit, ms. */
  settleMs: number;
}

/** Runs of past events are background work, whatever their events were. */
const LANE = 3;

/**
 * One step of a deploy from a past moment: routes a page of the tenant's past events to the one flow. Its runs have the
 * ids that the router gives, so that an event which the flow had already starts nothing, however often a page comes again.
 */
export function createBackfill(deps: {
  database: Database;
  normalize: Normalize;
  limits: BackfillLimits;
  now: () => number;
  /** Told how many runs were made, which are due at once. */
  onRuns: (runs: number) => void;
}): Step {
  const { database, normalize, limits, now, onRuns } = deps;
  return async () => {
    const runs = await database.transaction(async (transaction) => {
      const backfill = await lockDueBackfill(transaction);
      if (backfill === undefined) return undefined;
      const { tenantId, flowId, version, deployedFrom, lastId, startedAt, definition } = backfill;
      const events = await listPastEvents(transaction, {
        ...{ tenantId, afterId: lastId, acceptedBefore: deployedFrom },
        limit: limits.batchSize,
      });
      const matches = createFlowMatcher(tenantId, definition.trigger);
      const runs = events.flatMap((stored): NewRun[] => {
        const normalized = normalize(stored);
        if (normalized.kind === "unreadable" || normalized.event.source === "schedule") return [];
        if (!matches(normalized.event)) return [];
        const id = runId({ eventId: stored.id, flowId, replaySeq: 0 });
        const gate = gateOf(definition, normalized.event);
        return [{ id, tenantId, flowId, flowVersion: version, eventId: stored.id, lane: LANE, gate }];
      });
      const made = await insertRuns(transaction, runs);
      const isLast = events.length < limits.batchSize;
      await moveBackfill(transaction, backfill, {
        lastId: events.at(-1)?.id ?? lastId,
        scanned: events.length,
        matched: runs.length,
        done: isLast && now() - startedAt.getTime() > limits.settleMs,
        waitMs: isLast ? limits.idleMs : 0,
      });
      return made;
    });
    if (runs !== undefined && runs > 0) onRuns(runs);
    return { waitMs: runs === undefined ? limits.idleMs : 0 };
  };
}
