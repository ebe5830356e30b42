import type { NormalizedEvent } from "../event/event.ts";
import type { DeployedFlow, MatchedFlow } from "../flow/deployed-flow.ts";
import type { Slices } from "../slices.ts";
import { indexedTrigger } from "./flow-matcher.ts";
import { createTriggerIndex } from "./trigger-index.ts";

/**
 * Returns a function that finds which of the given flows of one tenant an event starts. Replays use it: they match
 * against the flows deployed now, not those deployed when the event was accepted. A schedule's tick starts its own
 * flow only.
 */
export function createCurrentFlows(
  deployed: readonly DeployedFlow[],
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
