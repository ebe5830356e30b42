import type { EventSource, Priority } from "../priority.ts";

/** The field diff of a synthetic event, by JSON pointer. `truncated`: the values are too large or were not stored. */
export type EventChanges = Record<string, { from?: unknown; to?: unknown; truncated?: true }>;

/** The details of a synthetic event besides its data. Absent means false. */
export interface SyntheticDetail {
  changes?: EventChanges;
  /** The number of changes left out of `changes`. */
  changesOmitted?: number;
  /** The record was deleted and its last values were not stored: the data is its id only. */
  finalStateUnknown?: true;
  /** The record is too large for an event: the data is its id only. */
  truncated?: true;
  /** The connector's webhooks report such changes, but none reported this one. */
  missedByWebhook?: true;
}

/** An event after normalisation, as triggers match it and actions receive it. */
export interface NormalizedEvent extends SyntheticDetail {
  id: string;
  tenantId: string;
  connector: string;
  endpoint: string;
  /** The provider's name for the kind of event; "" if it gives none. */
  type: string;
  source: EventSource;
  priority: Priority;
  subject: string | undefined;
  /** The provider's time of the event, or the time of receipt; RFC 3339 UTC. */
  occurredAt: string;
  receivedAt: string;
  /** SHA-256, hex. Every delivery of the event has the same key. */
  idempotencyKey: string;
  headers: Record<string, string>;
  /** The event's data. If `dataText` is set, only the paths that its reader wanted. */
  data: unknown;
  /** The JSON of all data of a large event, as accepted. */
  dataText?: Buffer;
}
