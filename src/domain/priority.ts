/**
 * The four priorities, which are also the four lanes of every stage: 1 user-triggered (API, manual), 2 event-driven
 * (webhooks), 3 background (schedules, batches, replays), 4 polling.
 */
export type Priority = 1 | 2 | 3 | 4;

/** The lanes in the order of service. */
export const LANES: readonly Priority[] = [1, 2, 3, 4];

/** The origin of an event, stored with it and shown as `source`. */
export type EventSource = "webhook" | "poll" | "api" | "schedule" | "replay";

const PRIORITY_OF_SOURCE: Readonly<Record<EventSource, Priority>> = {
  api: 1,
  webhook: 2,
  schedule: 3,
  replay: 3,
  poll: 4,
};

/** Returns the default priority of events of a source. */
export function priorityOf(source: EventSource): Priority {
  return PRIORITY_OF_SOURCE[source];
}
