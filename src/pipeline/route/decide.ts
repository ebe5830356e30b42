import { EVENT_TOO_COSTLY, type EventBudget, EventTooCostly } from "../../domain/event/event-too-costly.ts";
import { fingerprintOf, UNMATCHED } from "../../domain/event/fingerprint.ts";
import { isLarge, type Normalized, normalizeInSlices } from "../../domain/event/normalize.ts";
import { storableText } from "../../domain/event/storable-text.ts";
import { gateOf } from "../../domain/flow/flow-gate.ts";
import { runId } from "../../domain/flow/run-id.ts";
import { SliceBudget, type Slices } from "../../domain/slices.ts";
import type { StoredEvent } from "../../postgres/events/events.ts";
import type { RoutingDecision } from "../../postgres/events/routing.ts";
import type { DeployedFlows } from "./deployed-flows.ts";

/** Normalizes a small event. It is injected because the result is cached for the event's first run. */
export type Normalize = (event: StoredEvent) => Normalized;

/** Work per slice, as bytes of bodies parsed. */
const SLICE_BYTES = 1_048_576;

/** The cost of an event besides its body, as bytes of a body parsed. */
const EVENT_BYTES = 1_024;

/**
 * Decides each event of a batch: a run for each flow that it matches, or a dead letter. An event over its budget
 * becomes a dead letter at once, since a retry would end the same. It yields after some milliseconds of work, and
 * within large events.
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
    const bytes = isLarge(stored) ? EVENT_BYTES : stored.payload.length + EVENT_BYTES;
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
  const normalized = isLarge(stored)
    ? yield* normalizeInSlices(stored, yield* flows.wantedOf(stored))
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
      ...deadLetter(stored, "route", UNMATCHED.message, { code: UNMATCHED.code }),
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

/** Builds the dead letter of an event that a stage before execution cannot process. `code` and `budget` are optional. */
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
