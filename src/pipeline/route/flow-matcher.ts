import { compileCondition } from "../../domain/condition/compile.ts";
import { explainCondition } from "../../domain/condition/explain.ts";
import type { NormalizedEvent } from "../../domain/event/event.ts";
import { type Trigger, takesEvents } from "../../domain/flow/flow.ts";
import { conditionOf, type IndexedTrigger, subjectOf } from "../../domain/matching/trigger.ts";
import type { Slices } from "../../domain/slices.ts";

/** What the trigger index holds of a flow's trigger. */
export function indexedTrigger(id: string, tenantId: string, trigger: Trigger): IndexedTrigger {
  const { connector, event_types: eventTypes, where } = trigger;
  return takesEvents(trigger)
    ? { id, tenantId, connector, eventTypes, where }
    : { id, tenantId, connector: NO_CONNECTOR };
}

/** No event is of this one: names have a character at least. */
const NO_CONNECTOR = "";

/** Whether events start a flow by its trigger, one after the other: for what is asked of one flow and many events. */
export type FlowMatcher = (event: NormalizedEvent) => Slices<boolean>;

export function createFlowMatcher(tenantId: string, trigger: Trigger): FlowMatcher {
  const matches = compileCondition(conditionOf(indexedTrigger("", tenantId, trigger)));
  return (event) => {
    const subject = subjectOf(event);
    return subject.evaluation.settle(() => matches(subject));
  };
}

/** Whether the trigger is of the event's connector and type, so that its condition decides. */
export function isCandidate(event: NormalizedEvent, trigger: Trigger): boolean {
  const { where: _where, ...rest } = indexedTrigger("", event.tenantId, trigger);
  return explainCondition(conditionOf(rest), subjectOf(event)).matched;
}
