import type { NormalizedEvent } from "../../domain/event/event.ts";
import { createTriggerIndex } from "../../domain/matching/trigger-index.ts";
import type { Slices } from "../../domain/slices.ts";
import type { Deployment } from "../../postgres/flows/deployments.ts";
import type { MatchedFlow } from "./deployed-flows.ts";
import { indexedTrigger } from "./flow-matcher.ts";

/**
 * Finds the flows of one tenant, of those given, that events start: for what is matched again, by what is deployed now
 * and not when the event was accepted. A tick of a schedule has its own flow alone.
 */
export function createCurrentFlows(
  deployed: readonly Deployment[],
): (event: NormalizedEvent) => Slices<MatchedFlow[]> {
  const index = createTriggerIndex();
  const flows = new Map<string, MatchedFlow>();
  for (const { tenantId, flowId, version, definition } of deployed) {
    index.add(indexedTrigger(flowId, tenantId, definition.trigger));
    flows.set(flowId, { flowId, version, definition });
  }
  return function* (event) {
    const matched = event.source === "schedule" ? [event.endpoint] : index.matchInSlices(event);
    const ids = Array.isArray(matched) ? matched : yield* matched;
    return ids.flatMap((id) => flows.get(id) ?? []);
  };
}
