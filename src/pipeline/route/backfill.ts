import type { NormalizedEvent } from "../../domain/event/event.ts";
import { EventTooCostly } from "../../domain/event/event-too-costly.ts";
import type { RoutedDefinition } from "../../domain/flow/flow.ts";
import { gateOf } from "../../domain/flow/flow-gate.ts";
import { runId } from "../../domain/flow/run-id.ts";
import type { Wanted } from "../../domain/json/wanted.ts";
import { SliceBudget, type Slices } from "../../domain/slices.ts";
import type { Database } from "../../postgres/core/database.ts";
import type { StoredEvent } from "../../postgres/events/events.ts";
import { listPastEvents } from "../../postgres/events/events.ts";
import { insertRuns, type NewRun } from "../../postgres/events/routing.ts";
import { lockDueBackfill, moveBackfill } from "../../postgres/flows/backfills.ts";
import type { Step } from "../../runtime/loop.ts";
import { inTurns } from "../../runtime/turns.ts";
import type { Normalized } from "./decide.ts";
import { createFlowMatcher, type FlowMatcher } from "./flow-matcher.ts";

export interface BackfillBounds {
  /** Events looked at in one transaction, and the payloads that are read for them, bytes. */
  batchSize: number;
  maxBytes: number;
  /** The wait of a loop with nothing to do, and before the end is looked for again, ms. */
  idleMs: number;
  /** After this time no event of a counter before the deploy is still on its way to its commit, ms. */
  settleMs: number;
}

import { wantedByFlows } from "./wanted-by-flows.ts";

/** Runs of past events are background work, whatever their events were. */
const LANE = 3;

/**
 * One step of a deploy from a past moment: routes a page of the tenant's past events to the one flow. Its runs have the
 * ids that the router gives, so that an event which the flow had already starts nothing, however often a page comes again.
 */
export function createBackfill(deps: {
  database: Database;
  normalize: (event: StoredEvent, wanted: Wanted) => Slices<Normalized>;
  bounds: BackfillBounds;
  now: () => number;
  /** Told how many runs were made, which are due at once. */
  onRuns: (runs: number) => void;
}): Step {
  const { database, normalize, bounds, now, onRuns } = deps;
  return async () => {
    const runs = await database.transaction(async (transaction) => {
      const backfill = await lockDueBackfill(transaction);
      if (backfill === undefined) return undefined;
      const { tenantId, flowId, version, deployedFrom, lastId, startedAt } = backfill;
      const { events, more } = await listPastEvents(transaction, {
        ...{ tenantId, afterId: lastId, acceptedBefore: deployedFrom },
        limit: bounds.batchSize,
        maxBytes: bounds.maxBytes,
      });
      const eventsStarted = await inTurns(startedBy(backfill, events, normalize));
      const runs = eventsStarted.map(({ event: { id: eventId }, gate }): NewRun => {
        const id = runId({ eventId, flowId, replaySeq: 0 });
        return { id, tenantId, flowId, flowVersion: version, eventId, lane: LANE, gate };
      });
      const made = await insertRuns(transaction, runs);
      const isLast = !more;
      await moveBackfill(transaction, backfill, {
        lastId: events.at(-1)?.id ?? lastId,
        scanned: events.length,
        matched: runs.length,
        done: isLast && now() - startedAt.getTime() > bounds.settleMs,
        waitMs: isLast ? bounds.idleMs : 0,
      });
      return made;
    });
    if (runs !== undefined && runs > 0) onRuns(runs);
    return { waitMs: runs === undefined ? bounds.idleMs : 0 };
  };
}

/** The events of a page that start the flow, with what their runs' limits are asked by. */
function* startedBy(
  { tenantId, definition }: { tenantId: string; definition: RoutedDefinition },
  events: readonly StoredEvent[],
  normalize: (event: StoredEvent, wanted: Wanted) => Slices<Normalized>,
): Slices<{ event: StoredEvent; gate: string | undefined }[]> {
  const matches = createFlowMatcher(tenantId, definition.trigger);
  const wanted = yield* wantedByFlows([definition]);
  const started: { event: StoredEvent; gate: string | undefined }[] = [];
  const budget = new SliceBudget();
  for (const event of events) {
    if (budget.spend(event.payload.length + EVENT_BYTES)) yield;
    const normalized = yield* normalize(event, wanted);
    if (normalized.kind === "unreadable" || normalized.event.source === "schedule") continue;
    if (yield* matchesWithinBudget(matches, normalized.event))
      started.push({ event, gate: gateOf(definition, normalized.event) });
  }
  return started;
}

/** Beside its body, what an event costs. */
const EVENT_BYTES = 1_024;

/** An event that is over its budget starts nothing: when it was routed it became a dead letter. */
function* matchesWithinBudget(matches: FlowMatcher, event: NormalizedEvent): Slices<boolean> {
  try {
    return yield* matches(event);
  } catch (error) {
    if (error instanceof EventTooCostly) return false;
    throw error;
  }
}
