import { type ConditionSubject, fieldReader } from "../condition/field.ts";
import type { NormalizedEvent } from "../event/event.ts";
import { digestOf } from "../event/idempotency-key.ts";
import { jsonPreview } from "../json/preview.ts";
import type { RoutedDefinition } from "./flow.ts";

/**
 * What a run is stored with, so that whoever claims it asks its flow's limits first: undefined for a flow without
 * any; "" for one with limits; where it has an order, a hash of the event's key. The key is what the path finds: one
 * string, number or boolean, or several (arrays are walked through) in their order, `1` and `"1"` being different.
 * Where it finds none the run has no key, and waits for no other.
 */
export function gateOf(definition: RoutedDefinition, event: NormalizedEvent): string | undefined {
  const { order_by: path } = definition;
  if (path === undefined) return hasLimits(definition) ? "" : undefined;
  const values = fieldReader({ op: "exists", path })(orderSubject(event)).filter(
    (value) => typeof value !== "object",
  );
  return values.length === 0 ? "" : digestOf("order", keyText(values)).slice(0, 32);
}

/** Longer keys are cut: keys that differ only later wait for one another, which does no harm. */
const MAX_KEY_CHARACTERS = 65_536;

function keyText(values: readonly unknown[]): string {
  return jsonPreview(values, MAX_KEY_CHARACTERS);
}

/** Of a replay, by the version that it takes: its key is that of the run before, `before`. */
export function gateOfReplay(definition: RoutedDefinition, before: string | null): string | undefined {
  return hasLimits(definition) ? (before ?? "") : undefined;
}

/** Whether runs of a flow are asked for before they start. */
function hasLimits({ concurrency, rate_limit, order_by }: RoutedDefinition): boolean {
  return concurrency !== undefined || rate_limit !== undefined || order_by !== undefined;
}

function orderSubject({ data, headers, changes, ...event }: NormalizedEvent): ConditionSubject {
  return { data, headers, event, ...(changes !== undefined && { changes }) };
}
