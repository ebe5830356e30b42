import type { EventVerdict, StoredEvent } from "../postgres/events.ts";
import type { StoredRun } from "../postgres/run-list.ts";
import type { Normalize, TimelineEntry } from "./schemas/event.ts";
/** What is known of an event's way through the stages, in the order in which it happened. */
export declare function timelineOf(event: StoredEvent, verdict: EventVerdict, normalized: ReturnType<Normalize>, runs: readonly StoredRun[]): TimelineEntry[];
