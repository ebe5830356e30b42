import type { NormalizedEvent } from "../../domain/event/event.ts";
import { EVENT_TOO_COSTLY, type EventBudget, EventTooCostly } from "../../domain/event/event-too-costly.ts";
import { fingerprintOf } from "../../domain/event/fingerprint.ts";
import { storableText } from "../../domain/event/storable-text.ts";
import { gateOf } from "../../domain/flow/flow-gate.ts";
import { runId } from "../../domain/flow/run-id.ts";
import type { Wanted } from "../../domain/json/wanted.ts";
import { SliceBudget, type Slices } from "../../domain/slices.ts";
import type { StoredEvent } from "../../postgres/events/events.ts";
import type { RoutingDecision } from "../../postgres/events/routing.ts";
import type { DeployedFlows } from "./deployed-flows.ts";

export type Normalized =
  | { kind: "normalized"; event: NormalizedEvent }
  | { kind: "unreadable"; reason: string };

/** Reads an event's body; the stage itself lives elsewhere, and is given to the router. */
export interface Normalize {
  (event: StoredEvent): Normalized;
  /** The same in slices, for a body of which a part is wanted. */
  inSlices(event: StoredEvent, wanted: Wanted): Slices<Normalized>;
  isLarge(event: StoredEvent): boolean;
}

/** Work of one slice, bytes of bodies; matching is counted as so many bytes. */
const SLICE_BYTES = 1_048_576;

/** Beside its body, what an event costs. */
const EVENT_BYTES = 1_024;

/**
 * Decides each event of a batch: runs of the flows that it meets, or a dead letter; also for one that is over
 * its budget, which must not be tried again. It yields where the work so far has taken some milliseconds, and within
 * large events.
 */
export function* decideRouting(
  events: readonly StoredEvent[],
  normalize: Normalize,
  flows: Pick<DeployedFlows, "match" | "wantedOf" | "matchedBytes">,
): Slices<RoutingDecision> {
  const decision: RoutingDecision = { verdicts: [], runs: [], deadLetters: [] };
  const budget = new SliceBudget(SLICE_BYTES);
  for (const stored of events) {
    const matchedBytes = flows.matchedBytes;
    try {
      yield* decideOne(decision, stored, normalize, flows);
    } catch (error) {
      if (!(error instanceof EventTooCostly)) throw error;
      const { message, budget } = error;
      decision.verdicts.push({ eventId: stored.id, tenantId: stored.tenantId, status: "dead" });
      decision.deadLetters.push(deadLetter(stored, "route", message, { code: EVENT_TOO_COSTLY, budget }));
    }
    const bytes = normalize.isLarge(stored) ? EVENT_BYTES : stored.payload.length + EVENT_BYTES;
    if (budget.spend(bytes + flows.matchedBytes - matchedBytes)) yield;
  }
  return decision;
}

function* decideOne(
  decision: RoutingDecision,
  stored: StoredEvent,
  normalize: Normalize,
  flows: Pick<DeployedFlows, "match" | "wantedOf">,
): Slices<void> {
  const { id: eventId, tenantId } = stored;
  const normalized = normalize.isLarge(stored)
    ? yield* normalize.inSlices(stored, yield* flows.wantedOf(stored))
    : normalize(stored);
  if (normalized.kind === "unreadable") {
    decision.verdicts.push({ eventId, tenantId, status: "dead" });
    decision.deadLetters.push(deadLetter(stored, "normalize", normalized.reason));
    return;
  }
  const matching = flows.match(normalized.event, stored.flowsCounter);
  const matched = Array.isArray(matching) ? matching : yield* matching;
  if (matched.length === 0) {
    decision.verdicts.push({ eventId, tenantId, status: "unmatched" });
    decision.deadLetters.push({
      ...deadLetter(stored, "route", "The event meets the trigger of no deployed flow"),
      unmatched: true,
    });
    return;
  }
  decision.verdicts.push({ eventId, tenantId, status: "routed" });
  for (const { flowId, version, definition } of matched) {
    decision.runs.push({
      id: runId({ eventId, flowId, replaySeq: 0 }),
      tenantId,
      flowId,
      flowVersion: version,
      eventId,
      lane: definition.trigger.priority ?? stored.priority,
      gate: gateOf(definition, normalized.event),
    });
  }
}

/** The dead letter of an event that the stage itself cannot get past. */
export function deadLetter(
  event: StoredEvent,
  stage: "normalize" | "route",
  error: string,
  more: { stack?: string | undefined; code?: string; budget?: EventBudget } = {},
): RoutingDecision["deadLetters"][number] {
  const errorMessage = storableText(error);
  const { stack, code, budget } = more;
  return {
    eventId: event.id,
    stage,
    errorMessage,
    errorContext: {
      stage,
      step: stage,
      connector: event.connector,
      endpoint: event.endpoint,
      event_type: event.type ?? null,
      ...(code !== undefined && { code }),
      ...(budget !== undefined && { budget }),
      stack: stack === undefined ? null : storableText(stack),
    },
    fingerprint: fingerprintOf({ ...event, stage, code, message: errorMessage }),
    unmatched: false,
  };
}
