import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
/** A key under which an event is known to have come before, and for how long it counts. */
export interface DeliveryKey {
    /** At most 200 printable ASCII characters; what kind of key it is stands before the colon. */
    key: string;
    windowMs: number;
}
type Keys = [DeliveryKey, ...DeliveryKey[]];
/**
 * The keys of a delivery, its own first.
 *
 * - An id that is part of the signed content is the key.
 * - An id in the signed body is the key, and one that is not signed counts together with the hash of the body.
 *   Without an id the hash of the body is the key, for as long as the provider may send it again.
 * - Whoever replays a delivery can change or drop every header that is not signed: an id, and also the content
 *   type, by which the body's id is found. So a key over what a replay cannot change stands beside.
 */
export declare function deliveryKeys(scheme: Scheme, request: InboundRequest): Keys;
/** The keys of one item: its own id where it has one, in whatever batch it comes again, else its place in this one. */
export declare function itemKeys(scheme: Scheme, request: InboundRequest, keys: Keys, data: unknown, item: number): Keys;
export {};
