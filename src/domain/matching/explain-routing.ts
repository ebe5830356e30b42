import { type Explanation, explainCondition } from "../condition/explain.ts";
import type { NormalizedEvent } from "../event/event.ts";
import type { DeployedFlow } from "../flow/deployed-flow.ts";
import type { Slices } from "../slices.ts";
import { indexedTrigger, isCandidate } from "./flow-matcher.ts";
import { conditionOf, subjectOf } from "./trigger.ts";

/** Whether one flow, deployed for the event's connector and type, matched the event; if not, the first failed clause. */
export type RoutingVerdict = { flowId: string; version: number } & Explanation;

/** Flows explained in one slice. */
const FLOWS_PER_SLICE = 50;

/**
 * Explains the routing of an event: for each of the flows `deployed` when it was accepted, whether it matched, or which
 * clause failed first. A schedule's tick concerns its own flow only. Throws `EventTooCostly` for an event that is over
 * its budget.
 */
export function* explainRouting(
  event: NormalizedEvent,
  deployed: readonly DeployedFlow[],
): Slices<RoutingVerdict[]> {
  if (event.source === "schedule") {
    const own = deployed.filter(({ flowId }) => flowId === event.endpoint);
    return own.map(({ flowId, version }) => ({ flowId, version, matched: true }));
  }
  const subject = subjectOf(event);
  const verdicts: RoutingVerdict[] = [];
  for (let from = 0; from < deployed.length; from += FLOWS_PER_SLICE) {
    if (from > 0) yield;
    const candidates = deployed
      .slice(from, from + FLOWS_PER_SLICE)
      .filter(({ definition }) => isCandidate(event, definition.trigger))
      .map(({ flowId, version, definition }) => {
        const condition = conditionOf(indexedTrigger("", event.tenantId, definition.trigger));
        return { flowId, version, condition };
      });
    const explained = yield* subject.evaluation.settle((): Explanation[] =>
      candidates.map(({ condition }) => explainCondition(condition, subject)),
    );
    for (const [index, { flowId, version }] of candidates.entries())
      verdicts.push({ flowId, version, ...(explained[index] as Explanation) });
  }
  return verdicts;
}
