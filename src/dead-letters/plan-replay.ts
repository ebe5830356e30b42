import type { NormalizedEvent } from "../domain/event/event.ts";
import { EVENT_TOO_COSTLY, EventTooCostly } from "../domain/event/event-too-costly.ts";
import { fingerprintOf, UNMATCHED } from "../domain/event/fingerprint.ts";
import { normalizeInSlices } from "../domain/event/normalize.ts";
import { storableText } from "../domain/event/storable-text.ts";
import type { MatchedFlow } from "../domain/flow/deployed-flow.ts";
import type { RoutedDefinition } from "../domain/flow/flow.ts";
import { gateOf, gateOfReplay } from "../domain/flow/flow-gate.ts";
import type { EventSource } from "../domain/priority.ts";
import type { Slices } from "../domain/slices.ts";
import type { FailedTry, LockedDeadLetter } from "../postgres/dead-letters/lock.ts";
import type { StoredEvent } from "../postgres/events/events.ts";
import { errorMessage } from "../runtime/error-message.ts";

/** A flow with the gate of its limits; see `domain/flow/flow-gate.ts`. */
export interface GatedFlow {
  flowId: string;
  version: number;
  gate: string | undefined;
}

/** The plan of a replay. If it has several flows, the run of the first decides the state of the dead letter. */
export type ReplayPlan =
  | { kind: "run"; flows: [GatedFlow, ...GatedFlow[]] }
  | { kind: "unreadable"; reason: string }
  | { kind: "unmatched" }
  /** Matching the event against the flows failed. */
  | { kind: "unroutable"; reason: string; code?: string }
  | { kind: "flow_gone"; flowId: string }
  | { kind: "in_flight"; runId: string }
  | { kind: "ended"; status: "replayed" | "expired" };

/**
 * Plans a replay. A failed run goes to its own flow again. An event without a run is normalized and matched against the
 * deployed flows, in slices. Pure.
 */
export function* planReplay(
  letter: LockedDeadLetter,
  now: {
    versionOf: (flowId: string) => { version: number; definition: RoutedDefinition } | undefined;
    match: (event: NormalizedEvent) => Slices<readonly MatchedFlow[]>;
  },
): Slices<ReplayPlan> {
  if (letter.status !== "pending") return { kind: "ended", status: letter.status };
  if (letter.replayRunId !== undefined) return { kind: "in_flight", runId: letter.replayRunId };
  if (letter.stage === "execute") {
    const flowId = letter.flowId ?? "";
    const flow = now.versionOf(flowId);
    if (flow === undefined) return { kind: "flow_gone", flowId };
    // A new event is later than the runs that wait behind the old one: it must not wait for them.
    const gate = gateOfReplay(flow.definition, (letter.hasEvent ? letter.gate : undefined) ?? null);
    return { kind: "run", flows: [{ flowId, version: flow.version, gate }] };
  }
  const normalized = yield* normalizeInSlices(eventOf(letter));
  if (normalized.kind === "unreadable") return normalized;
  const { event } = normalized;
  try {
    const flows = (yield* now.match(event)).map(({ flowId, version, definition }): GatedFlow => {
      return { flowId, version, gate: gateOf(definition, event) };
    });
    const [first, ...others] = flows;
    return first === undefined ? { kind: "unmatched" } : { kind: "run", flows: [first, ...others] };
  } catch (error) {
    const reason = errorMessage(error);
    return { kind: "unroutable", reason, ...(error instanceof EventTooCostly && { code: EVENT_TOO_COSTLY }) };
  }
}

/** Returns the error of a replay that led to no run, for its dead letter; undefined for a replay that was refused. */
export function failedTry(letter: LockedDeadLetter, plan: ReplayPlan): FailedTry | undefined {
  const failure = failureOf(plan);
  if (failure === undefined) return undefined;
  const { message, code } = failure;
  const stage = plan.kind === "unreadable" ? "normalize" : "route";
  const { id: letterId, tenantId, connector, endpoint, eventType } = letter;
  return {
    letterId,
    stage,
    errorMessage: message,
    errorContext: {
      stage,
      step: stage,
      connector,
      endpoint,
      event_type: eventType ?? null,
      stack: null,
      ...(code !== undefined && { code }),
    },
    fingerprint: fingerprintOf({ stage, tenantId, code, message }),
  };
}

function failureOf(plan: ReplayPlan): { message: string; code?: string | undefined } | undefined {
  if (plan.kind === "unmatched") return UNMATCHED;
  if (plan.kind === "unreadable") return { message: storableText(plan.reason) };
  return plan.kind === "unroutable" ? { message: storableText(plan.reason), code: plan.code } : undefined;
}

/** Returns the event as the dead letter has it. */
function eventOf(letter: LockedDeadLetter): StoredEvent {
  const { tenantId, connector, endpoint, headers, contentType, subject, occurredAtMs } = letter;
  return {
    tenantId,
    connector,
    endpoint,
    headers,
    contentType,
    subject,
    occurredAtMs,
    id: letter.eventId,
    type: letter.eventType,
    source: (letter.source ?? "webhook") as EventSource,
    priority: REPLAY_LANE,
    receivedAtMs: occurredAtMs ?? 0,
    deliveryKey: "",
    item: 0,
    flowsCounter: 0,
    payload: letter.payload ?? Buffer.alloc(0),
  };
}

/** The lane of replayed dead letters: the last, below live traffic. */
export const REPLAY_LANE = 4;
