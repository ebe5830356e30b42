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

export interface WatchBounds {
  /** Noted changes that one statement folds into the counters. */
  foldBatch: number;
  /** An alert resolves when what it measures is below this part of its threshold, 0 to 1. */
  resolveBelow: number;
  /** The wait between two looks, ms: how late an alert may be. */
  intervalMs: number;
}

/** How many dead letters there are, as the gauges show it. */
export interface DeadLetterCounts {
  /** Those that wait for a replay, by tenant and stage. */
  depths: DeadLetterDepth[];
  /** Those that hold their payload, and the bytes of it. */
  kept: { entries: number; bytes: number };
  /** Of every kind, not of dead letters alone. */
  openAlerts: { kind: string; count: number }[];
}

/**
 * One step: keeps the counters short, tells how many dead letters there are, and opens and resolves the alerts of the
 * policies. Any number of copies may do so at once: the table admits one open alert of each.
 */
export function createDeadLetterWatch(deps: {
  database: Queryable;
  bounds: WatchBounds;
  onCounted: (counts: DeadLetterCounts) => void;
  /** Alerts were opened or resolved: there is something to tell. */
  onAlerts: () => void;
}): Step {
  const { database, bounds, onCounted, onAlerts } = deps;
  return async (signal) => {
    while ((await foldDeadLetterChanges(database, bounds.foldBatch)) === bounds.foldBatch) {
      if (signal.aborted) return { waitMs: 0 };
    }
    // The open ones first: one that is opened after this is not opened again by what is measured now.
    const open = await readOpenAlerts(database, DEAD_LETTER_ALERTS);
    const policies = await readAlertPolicies(database);
    const depths = await readDeadLetterDepths(database);
    const { opening, resolving } = decideAlerts({
      ...{ depths, policies, open },
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
