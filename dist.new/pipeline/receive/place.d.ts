import type { InboundRequest } from "./inbound-request.ts";
import type { Place } from "./scheme.ts";
/** A value that a request holds, and where it stood. */
export interface PlacedValue {
    value: string;
    place: Place;
}
/**
 * The values at a place of a request: none, one, or as many as a header that is a list holds. Empty ones do not
 * count. Values of headers are byte strings, all others are text. Never throws.
 */
export declare function valuesAt(place: Place, request: InboundRequest, item?: unknown): string[];
/** The value at the first place that holds exactly one. */
export declare function firstValue(places: readonly Place[], request: InboundRequest, item?: unknown): PlacedValue | undefined;
/** How the characters of a value at this place became bytes on the wire. */
export declare function charsetOf(place: Place): "latin1" | "utf8";
/** What a JSON pointer (RFC 6901) names in the data; own members only. */
export declare function resolvePointer(data: unknown, pointer: string): unknown;
