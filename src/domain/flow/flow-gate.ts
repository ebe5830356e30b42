import { type ConditionSubject, fieldReader } from "../condition/field.ts";
import type { NormalizedEvent } from "../event/event.ts";
import { digestOf } from "../event/idempotency-key.ts";
import { ExactNumber } from "../json/exact-number.ts";
import { jsonPreview } from "../json/preview.ts";
import type { RoutedDefinition } from "./flow.ts";

/**
 * Returns the gate of a run, which is stored with it and tells a worker to check the flow's limits before claiming it:
 * undefined for a flow without limits, "" for one with limits, and a hash of the event's order key for one with an order.
 * The key is the string, number or boolean at the `order_by` path, or several of them in order (arrays are walked); `1`
 * and `"1"` differ, `1` and `1.0` do not. Without a value there the gate is "": the run waits for no other.
 */
export function gateOf(definition: RoutedDefinition, event: NormalizedEvent): string | undefined {
  const { order_by: path } = definition;
  if (path === undefined) return hasLimits(definition) ? "" : undefined;
  const values = fieldReader({ op: "exists", path })(orderSubject(event)).flatMap((value) => {
    if (value instanceof ExactNumber) return [value.plain ?? value];
    return typeof value === "object" ? [] : [value];
  });
  return values.length === 0 ? "" : digestOf("order", keyText(values)).slice(0, 32);
}

/** Longer keys are cut. Runs whose keys differ only after that wait for one another, which is harmless. */
const MAX_KEY_CHARACTERS = 65_536;

function keyText(values: readonly unknown[]): string {
  return jsonPreview(values, MAX_KEY_CHARACTERS);
}

/** Returns the gate of a replay by the flow version that it runs. It keeps the order key of the earlier run, `before`. */
export function gateOfReplay(definition: RoutedDefinition, before: string | null): string | undefined {
  return hasLimits(definition) ? (before ?? "") : undefined;
}

/** Whether a flow has a concurrency limit, a rate limit or an order. */
function hasLimits({ concurrency, rate_limit, order_by }: RoutedDefinition): boolean {
  return concurrency !== undefined || rate_limit !== undefined || order_by !== undefined;
}

function orderSubject({ data, headers, changes, ...event }: NormalizedEvent): ConditionSubject {
  return { data, headers, event, ...(changes !== undefined && { changes }) };
}
