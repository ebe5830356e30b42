import type { ParsedBody } from "../../domain/body.ts";
import { type DeliveryKey } from "./delivery-key.ts";
import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
/** What one event of a delivery is called, as far as its provider says. */
export interface DeliveredEvent {
    /** Its place in a batch; 0 where the scheme has none. */
    item: number;
    /** Any of them makes it a duplicate; the first is the one that names the event for good. */
    keys: [DeliveryKey, ...DeliveryKey[]];
    /** At most 200 characters, no control character among them. Absent: the provider did not say. */
    type?: string;
    occurredAtMs?: number;
    /** The account at the provider that it came from; written as the type is. */
    account?: string;
    /** The body, or the item of a batch; undefined when the body is unreadable. */
    data: unknown;
}
export interface DeliveryReading {
    contentType: string | undefined;
    body: ParsedBody;
    /** One; or one an item where the scheme has items, and then maybe none. An unreadable body is one event. */
    events: DeliveredEvent[];
}
/** Reads the events of a delivery that the verifier found authentic. Never throws. */
export declare function readDelivery(scheme: Scheme, request: InboundRequest): DeliveryReading;
