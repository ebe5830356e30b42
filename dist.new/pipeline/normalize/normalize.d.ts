import type { NormalizedEvent } from "../../domain/event.ts";
import type { StoredEvent } from "../../postgres/events.ts";
export type Normalized = {
    kind: "normalized";
    event: NormalizedEvent;
}
/** The body cannot be read; the reason names what was expected. */
 | {
    kind: "unreadable";
    reason: string;
};
/** Makes the one shape that every event has from the bytes that were accepted. Pure: twice gives the same. */
export declare function normalize(stored: StoredEvent): Normalized;
