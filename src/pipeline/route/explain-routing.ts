import { type Explanation, explainCondition, type FailedClause } from "../../domain/condition/explain.ts";
import type { NormalizedEvent } from "../../domain/event/event.ts";
import { conditionOf, subjectOf } from "../../domain/matching/trigger.ts";
import type { Slices } from "../../domain/slices.ts";
import type { Deployment } from "../../postgres/flows/deployments.ts";
import { indexedTrigger, isCandidate } from "./flow-matcher.ts";

/** What routing makes of an event and one flow that was deployed for its connector and type. */
export type RoutingVerdict = { flowId: string; version: number } & ({ matched: true } | FailedClause);

/** Flows that are explained in one slice. */
const EXPLAINED_AT_ONCE = 50;

/**
 * Every flow that could have been started by the event, by what was deployed in the moment that it was accepted: it
 * was, or which clause of its condition failed first. A tick of a schedule has its own flow alone. Throws
 * `EventTooCostly` for an event that is over its budget.
 */
export function* explainRouting(
  event: NormalizedEvent,
  deployed: readonly Deployment[],
): Slices<RoutingVerdict[]> {
  if (event.source === "schedule") {
    const own = deployed.filter(({ flowId }) => flowId === event.endpoint);
    return own.map(({ flowId, version }) => ({ flowId, version, matched: true }));
  }
  const subject = subjectOf(event);
  const verdicts: RoutingVerdict[] = [];
  for (let at = 0; at < deployed.length; at += EXPLAINED_AT_ONCE) {
    if (at > 0) yield;
    const candidates = deployed
      .slice(at, at + EXPLAINED_AT_ONCE)
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
