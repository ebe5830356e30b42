import { compileCondition } from "../condition/compile.ts";
import { explainCondition } from "../condition/explain.ts";
import type { NormalizedEvent } from "../event/event.ts";
import { type Trigger, takesEvents } from "../flow/flow.ts";
import type { Slices } from "../slices.ts";
import { conditionOf, type IndexedTrigger, subjectOf } from "./trigger.ts";

/** Tells whether an event starts one flow by its trigger. For one flow and many events it needs no trigger index. */
export type FlowMatcher = (event: NormalizedEvent) => Slices<boolean>;

/** Compiles a trigger into a matcher. The matcher throws `EventTooCostly` for an event that is over its budget. */
export function createFlowMatcher(tenantId: string, trigger: Trigger): FlowMatcher {
  const matches = compileCondition(conditionOf(indexedTrigger("", tenantId, trigger)));
  return (event) => {
    const subject = subjectOf(event);
    return subject.evaluation.settle(() => matches(subject));
  };
}

/** Returns the trigger index's form of a flow's trigger. A trigger that takes no events matches none. */
export function indexedTrigger(id: string, tenantId: string, trigger: Trigger): IndexedTrigger {
  const { connector, event_types: eventTypes, where } = trigger;
  return takesEvents(trigger)
    ? { id, tenantId, connector, eventTypes, where }
    : { id, tenantId, connector: NO_CONNECTOR };
}

/** No event has this connector: names have at least one character. */
const NO_CONNECTOR = "";

/** Whether the trigger covers the event's connector and type, so that its condition decides. */
export function isCandidate(event: NormalizedEvent, trigger: Trigger): boolean {
  const { where: _where, ...rest } = indexedTrigger("", event.tenantId, trigger);
  return explainCondition(conditionOf(rest), subjectOf(event)).matched;
}
