import type { NormalizedEvent } from "../../domain/event.ts";
import { gateOf } from "../../domain/flow-gate.ts";
import { digestOf } from "../../domain/idempotency-key.ts";
import { runId } from "../../domain/run-id.ts";
import type { StoredEvent } from "../../postgres/events.ts";
import type { RoutingDecision } from "../../postgres/routing.ts";
import type { MatchedFlow } from "./deployed-flows.ts";

/** Reads an event's body; the stage itself lives elsewhere, and is given to the router. */
export type Normalize = (
  event: StoredEvent,
) => { kind: "normalized"; event: NormalizedEvent } | { kind: "unreadable"; reason: string };

/** What becomes of each event of a batch: runs of the flows that it meets, or a dead letter. Pure. */
export function decideRouting(
  events: readonly StoredEvent[],
  normalize: Normalize,
  match: (event: NormalizedEvent, moment: number) => MatchedFlow[],
): RoutingDecision {
  const decision: RoutingDecision = { verdicts: [], runs: [], deadLetters: [] };
  for (const stored of events) {
    const { id: eventId, tenantId } = stored;
    const normalized = normalize(stored);
    if (normalized.kind === "unreadable") {
      decision.verdicts.push({ eventId, tenantId, status: "dead" });
      decision.deadLetters.push(deadLetter(stored, "normalize", normalized.reason));
      continue;
    }
    const flows = match(normalized.event, stored.flowsCounter);
    if (flows.length === 0) {
      decision.verdicts.push({ eventId, tenantId, status: "unmatched" });
      decision.deadLetters.push({
        ...deadLetter(stored, "route", "The event meets the trigger of no deployed flow"),
        unmatched: true,
      });
      continue;
    }
    decision.verdicts.push({ eventId, tenantId, status: "routed" });
    for (const { flowId, version, definition } of flows) {
      const id = runId({ eventId, flowId, replaySeq: 0 });
      decision.runs.push({
        id,
        tenantId,
        flowId,
        flowVersion: version,
        eventId,
        lane: definition.trigger.priority ?? stored.priority,
        gate: gateOf(definition, normalized.event),
      });
    }
  }
  return decision;
}

/** The dead letter of an event that the stage itself cannot get past. */
export function deadLetter(
  event: StoredEvent,
  stage: "normalize" | "route",
  errorMessage: string,
  stack?: string,
): RoutingDecision["deadLetters"][number] {
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
      stack: stack ?? null,
    },
    fingerprint: digestOf(stage, errorMessage).slice(0, 32),
    unmatched: false,
  };
}
