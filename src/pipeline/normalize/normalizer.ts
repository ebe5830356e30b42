import type { AcceptedEvent } from "../../domain/event/accepted-event.ts";
import { isLarge, type Normalized, normalize, normalizeInSlices } from "../../domain/event/normalize.ts";
import type { FlowAction } from "../../domain/flow/flow.ts";
import type { Slices } from "../../domain/slices.ts";
import { wantedByAction } from "../../domain/template/wanted-by-action.ts";
import { inTurns } from "../../runtime/turns.ts";

/** The normalising stage of a process that both routes and executes events: small events are parsed once for both. */
export interface Normalizer {
  /** Normalizes an event for the router, and keeps the result for the event's first run. */
  toRoute(accepted: AcceptedEvent): Normalized;
  /**
   * Normalizes an event for a run. The first run of an event that was routed in this process gets the router's result.
   * Later runs get their own, since a flow's handler may change its event.
   */
  toRun(accepted: AcceptedEvent, action: FlowAction): Normalized | Promise<Normalized>;
}

export function createNormalizer(): Normalizer {
  // Bounded by the cache of loaded events, whose objects are the keys.
  const routed = new WeakMap<AcceptedEvent, Normalized>();
  return {
    toRoute(accepted) {
      const normalized = normalize(accepted);
      routed.set(accepted, normalized);
      return normalized;
    },
    toRun(accepted, action) {
      if (isLarge(accepted)) return inTurns(normalizeForRun(accepted, action));
      const normalized = routed.get(accepted);
      routed.delete(accepted);
      return normalized ?? normalize(accepted);
    },
  };
}

/** Normalizes a large event for a run. An HTTP action gets the paths of its templates, and the JSON text as accepted. */
function* normalizeForRun(accepted: AcceptedEvent, action: FlowAction): Slices<Normalized> {
  const wanted = action.type === "http" && isJson(accepted) ? wantedByAction(action) : undefined;
  const normalized = yield* normalizeInSlices(accepted, wanted);
  if (wanted === undefined || normalized.kind === "unreadable") return normalized;
  return { kind: "normalized", event: { ...normalized.event, dataText: accepted.payload } };
}

function isJson({ contentType = "" }: AcceptedEvent): boolean {
  return !contentType.toLowerCase().includes("x-www-form-urlencoded");
}
