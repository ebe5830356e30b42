import { HeadraceError } from "../../../domain/errors.ts";
import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
import { resolvePointer } from "./selector.ts";

/** The items of a batch; undefined where the scheme has none, or the body holds no array where they stand. */
export function itemsOf(scheme: Scheme, { parsed }: InboundRequest): unknown[] | undefined {
  if (scheme.items === undefined || parsed.kind !== "parsed") return undefined;
  for (const pointer of scheme.items) {
    const items = resolvePointer(parsed.data, pointer);
    if (Array.isArray(items)) return items;
  }
  return undefined;
}

/** No batch holds more: SendGrid's, the largest known, end at 768 KiB, of 200 bytes an item and more. */
const MAX_ITEMS = 5_000;

/** Throws `payload_too_large` for a batch of more items than become events in one transaction. */
export function checkItemCount(scheme: Scheme, request: InboundRequest): void {
  if ((itemsOf(scheme, request)?.length ?? 0) <= MAX_ITEMS) return;
  throw new HeadraceError("payload_too_large", `The delivery holds more than ${MAX_ITEMS} items`);
}
