import type { FailedClause } from "../../domain/condition/explain.ts";
import type { NormalizedEvent } from "../../domain/event.ts";
import type { Deployment } from "../../postgres/deployments.ts";
import { explainTrigger, isCandidate } from "./flow-matcher.ts";

/** What routing makes of an event and one flow that was deployed for its connector and type. */
export type RoutingVerdict = { flowId: string; version: number } & ({ matched: true } | FailedClause);

/**
 * Every flow that could have been started by the event, by what was deployed in the moment that it was accepted: it
 * was, or which clause of its condition failed first. A tick of a schedule has its own flow alone.
 */
export function explainRouting(event: NormalizedEvent, deployed: readonly Deployment[]): RoutingVerdict[] {
  return deployed.flatMap(({ flowId, version, definition }): RoutingVerdict[] => {
    if (event.source === "schedule") {
      return flowId === event.endpoint ? [{ flowId, version, matched: true }] : [];
    }
    if (!isCandidate(event, definition.trigger)) return [];
    return [{ flowId, version, ...explainTrigger(event, definition.trigger) }];
  });
}
