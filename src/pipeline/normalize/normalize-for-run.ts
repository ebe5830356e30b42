import type { AcceptedEvent } from "../../domain/event/accepted-event.ts";
import { isLarge, type Normalized, normalize, normalizeInSlices } from "../../domain/event/normalize.ts";
import type { FlowAction } from "../../domain/flow/flow.ts";
import { wantedPaths } from "../../domain/json/wanted.ts";
import type { Slices } from "../../domain/slices.ts";
import { wantedByAction } from "../../domain/template/wanted-by-action.ts";
import { inTurns } from "../../runtime/turns.ts";

/**
 * Normalizes an event for a run: a small one at once, a large one in slices. Each run gets an event of its own, since a
 * flow's handler may change it.
 */
export async function normalizeForRun(accepted: AcceptedEvent, action: FlowAction): Promise<Normalized> {
  return isLarge(accepted) ? await inTurns(normalizeForAction(accepted, action)) : normalize(accepted);
}

/** Normalizes a large event for a run. Its action gets the paths of its templates, and the JSON text as accepted. */
function* normalizeForAction(accepted: AcceptedEvent, action: FlowAction): Slices<Normalized> {
  const wanted = action.type === "http" ? wantedByAction(action) : NOTHING;
  const normalized = yield* normalizeInSlices(accepted, wanted);
  if (normalized.kind === "unreadable" || normalized.json === undefined) return normalized;
  return { kind: "normalized", event: { ...normalized.event, dataText: normalized.json } };
}

/** A handler's host parses the text itself. */
const NOTHING = wantedPaths([]);
