/**
 * The four priorities of the mission, which are also the four lanes of every stage: 1 user-triggered (API,
 * manual), 2 event-driven (webhooks), 3 background (schedules, batches, replays), 4 polling.
 */
export type Priority = 1 | 2 | 3 | 4;
/** The lanes in the order in which they are served. */
export declare const LANES: readonly Priority[];
/** Where an event came from; stored with it and shown as `source`. */
export type EventSource = "webhook" | "poll" | "api" | "schedule" | "replay";
/** The priority of an event that names none of its own. */
export declare function priorityOf(source: EventSource): Priority;
