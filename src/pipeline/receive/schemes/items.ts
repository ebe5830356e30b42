import { HeadraceError } from "../../../domain/errors.ts";
import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
import { resolvePointer } from "./selector.ts";

/** Returns the items of a batch. Undefined if the scheme has none, or if the body has no array at their pointers. */
export function itemsOf(scheme: Scheme, { parsed }: InboundRequest): unknown[] | undefined {
  if (scheme.items === undefined || parsed.kind !== "parsed") return undefined;
  for (const pointer of scheme.items) {
    const items = resolvePointer(parsed.data, pointer);
    if (Array.isArray(items)) return items;
  }
  return undefined;
}

/** Items per batch. SendGrid's batches, the largest known, end at 768 KiB, with at least 200 bytes per item. */
const MAX_ITEMS = 5_000;

/** Throws `payload_too_large` for a batch with more items than one transaction takes. */
export function checkItemCount(scheme: Scheme, request: InboundRequest): void {
  if ((itemsOf(scheme, request)?.length ?? 0) <= MAX_ITEMS) return;
  throw new HeadraceError("payload_too_large", `The delivery has more than ${MAX_ITEMS} items`);
}
