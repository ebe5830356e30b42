import type { NormalizedEvent } from "../../domain/event/event.ts";
import { EventTooCostly } from "../../domain/event/event-too-costly.ts";
import { normalizeInSlices } from "../../domain/event/normalize.ts";
import type { RoutedDefinition } from "../../domain/flow/flow.ts";
import { gateOf } from "../../domain/flow/flow-gate.ts";
import { runId } from "../../domain/flow/run-id.ts";
import { createFlowMatcher, type FlowMatcher } from "../../domain/matching/flow-matcher.ts";
import { wantedByFlows } from "../../domain/matching/wanted-by-flows.ts";
import { SliceBudget, type Slices } from "../../domain/slices.ts";
import type { Database } from "../../postgres/core/database.ts";
import type { StoredEvent } from "../../postgres/events/events.ts";
import { listPastEvents } from "../../postgres/events/events.ts";
import { insertRuns, type NewRun } from "../../postgres/events/routing.ts";
import { lockDueBackfill, moveBackfill } from "../../postgres/flows/backfills.ts";
import type { Step } from "../../runtime/loop.ts";
import { inTurns } from "../../runtime/turns.ts";

export interface BackfillBounds {
  /** Most events read in one transaction. */
  batchSize: number;
  /** Most payload bytes read in one transaction. */
  maxBytes: number;
  /** The wait when no backfill is due, and between two checks for the end of one. */
  idleMs: number;
  /** The time after a deploy by which every event accepted before it has committed. */
  settleMs: number;
}

/** Runs of past events are background work, whatever the priority of their events. */
const LANE = 3;

/**
 * Creates the step of a backfill, the part of a deploy that covers past events: it routes one page of the tenant's past
 * events to the one flow. Run ids are those that the router would give, so that events the flow has seen, and pages
 * that are repeated, start nothing twice.
 */
export function createBackfill(deps: {
  database: Database;
  bounds: BackfillBounds;
  now: () => number;
  /** Called with the number of runs made, which are due at once. */
  onRuns: (runs: number) => void;
}): Step {
  const { database, bounds, now, onRuns } = deps;
  return async () => {
    const runs = await database.transaction(async (transaction) => {
      const backfill = await lockDueBackfill(transaction);
      if (backfill === undefined) return undefined;
      const { tenantId, flowId, version, deployedFrom, lastId, startedAt } = backfill;
      const { events, more } = await listPastEvents(transaction, {
        tenantId,
        afterId: lastId,
        acceptedBefore: deployedFrom,
        limit: bounds.batchSize,
        maxBytes: bounds.maxBytes,
      });
      const eventsStarted = await inTurns(startedBy(backfill, events));
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

/** Returns the events of a page that start the flow, each with the gate of its run. */
function* startedBy(
  { tenantId, definition }: { tenantId: string; definition: RoutedDefinition },
  events: readonly StoredEvent[],
): Slices<{ event: StoredEvent; gate: string | undefined }[]> {
  const matches = createFlowMatcher(tenantId, definition.trigger);
  const wanted = yield* wantedByFlows([definition]);
  const started: { event: StoredEvent; gate: string | undefined }[] = [];
  const budget = new SliceBudget();
  for (const event of events) {
    if (budget.spend(event.payload.length + EVENT_BYTES)) yield;
    const normalized = yield* normalizeInSlices(event, wanted);
    if (normalized.kind === "unreadable" || normalized.event.source === "schedule") continue;
    if (yield* matchesWithinBudget(matches, normalized.event))
      started.push({ event, gate: gateOf(definition, normalized.event) });
  }
  return started;
}

/** The cost of an event besides its body, as bytes of a body parsed. */
const EVENT_BYTES = 1_024;

/** An event over its budget starts nothing: it became a dead letter when it was routed. */
function* matchesWithinBudget(matches: FlowMatcher, event: NormalizedEvent): Slices<boolean> {
  try {
    return yield* matches(event);
  } catch (error) {
    if (error instanceof EventTooCostly) return false;
    throw error;
  }
}
