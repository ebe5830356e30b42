import type { InboundRequest } from "./inbound-request.ts";
import { resolvePointer } from "./place.ts";
import type { Scheme } from "./scheme.ts";

/** The items of a batch; undefined where the scheme has none, or the body holds no array where they stand. */
export function itemsOf(scheme: Scheme, { parsed }: InboundRequest): unknown[] | undefined {
  if (scheme.items === undefined || parsed.kind !== "parsed") return undefined;
  for (const pointer of scheme.items) {
    const items = resolvePointer(parsed.data, pointer);
    if (Array.isArray(items)) return items;
  }
  return undefined;
}
