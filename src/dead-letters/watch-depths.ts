import { countOpenAlerts, openAlerts, readOpenAlerts, resolveAlerts } from "../postgres/alerts/alerts.ts";
import type { Queryable } from "../postgres/core/database.ts";
import {
  type DeadLetterDepth,
  foldDeadLetterChanges,
  readDeadLetterDepths,
  readKeptDeadLetters,
} from "../postgres/dead-letters/depths.ts";
import { readAlertPolicies } from "../postgres/dead-letters/policies.ts";
import type { Step } from "../runtime/loop.ts";
import { DEAD_LETTER_ALERTS, decideAlerts } from "./decide-alerts.ts";

/** Bounds of the dead letter watch. */
export interface WatchBounds {
  /** Changes that one statement folds into the counters. */
  foldBatch: number;
  /** An alert resolves below this part of its threshold, 0 to 1. */
  resolveBelow: number;
  /** The wait between two steps, ms. An alert is late by at most this time. */
  intervalMs: number;
}

/** The numbers of dead letters for the gauges. */
export interface DeadLetterCounts {
  /** Pending dead letters by tenant and stage. */
  depths: DeadLetterDepth[];
  /** Dead letters that still have their payload, and its bytes. */
  kept: { entries: number; bytes: number };
  /** Open alerts of all kinds, not only those about dead letters. */
  openAlerts: { kind: string; count: number }[];
}

/**
 * Creates the step that folds the changes of dead letters into the counters, reports the counts, and opens and resolves
 * the alerts of the policies. Processes may run it concurrently: the table allows one open alert per key.
 */
export function createDeadLetterWatch(deps: {
  database: Queryable;
  bounds: WatchBounds;
  onCounted: (counts: DeadLetterCounts) => void;
  /** Called when alerts were opened or resolved, so that notices are due. */
  onAlerts: () => void;
}): Step {
  const { database, bounds, onCounted, onAlerts } = deps;
  return async (signal) => {
    while ((await foldDeadLetterChanges(database, bounds.foldBatch)) === bounds.foldBatch) {
      if (signal.aborted) return { waitMs: 0 };
    }
    // Reads the open alerts before the depths, so that an alert opened in between is not opened again.
    const open = await readOpenAlerts(database, DEAD_LETTER_ALERTS);
    const policies = await readAlertPolicies(database);
    const depths = await readDeadLetterDepths(database);
    const { opening, resolving } = decideAlerts({
      depths,
      policies,
      open,
      resolveBelow: bounds.resolveBelow,
    });
    const resolved = await resolveAlerts(database, resolving);
    const opened = await openAlerts(database, opening);
    if (opened + resolved > 0) onAlerts();
    const kept = await readKeptDeadLetters(database);
    onCounted({ depths, kept, openAlerts: await countOpenAlerts(database) });
    return { waitMs: bounds.intervalMs };
  };
}
